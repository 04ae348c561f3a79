import type { KubeObject } from '../api/meta.ts';
import { KubeError, kubeErrorOf, type StatusBody } from './errors.ts';

interface RawList<T extends KubeObject> {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items: readonly T[] | null;
}

/** What of an object is kept. */
export type Trim<T extends KubeObject> = (object: T) => T;

export interface Page<T extends KubeObject> {
  readonly items: readonly T[];
  /** Of the whole list: the same on each of its pages. */
  readonly resourceVersion: string;
  /** Asks for the next page; absent on the last. */
  readonly continueToken?: string;
}

export type WatchEvent<T extends KubeObject> =
  | { readonly type: 'set'; readonly object: T }
  | { readonly type: 'delete'; readonly object: T }
  | { readonly type: 'bookmark'; readonly resourceVersion: string }
  /** Of a newer API than this: nothing to do. */
  | { readonly type: 'unknown' };

export function parsePage<T extends KubeObject>(body: unknown, trim: Trim<T>): Page<T> {
  const { metadata, items } = body as RawList<T>;
  return {
    items: (items ?? []).map(trim),
    resourceVersion: metadata.resourceVersion,
    ...(metadata.continue === undefined || metadata.continue === '' ? {} : { continueToken: metadata.continue }),
  };
}

/**
 * Parses one line of a watch.
 *
 * @throws KubeError for an ERROR event (status 410: list anew) and for a line that is no event.
 */
export function parseWatchLine<T extends KubeObject>(action: string, line: string, trim: Trim<T>): WatchEvent<T> {
  const { type, body } = parseLine(action, line);
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
      return { type: 'set', object: trim(body as T) };
    case 'DELETED':
      return { type: 'delete', object: trim(body as T) };
    case 'BOOKMARK':
      return { type: 'bookmark', resourceVersion: (body as KubeObject).metadata.resourceVersion ?? '' };
    case 'ERROR': {
      const status = body as StatusBody;
      const isExpired = status.code === 410 || status.reason === 'Expired' || status.reason === 'Gone';
      throw kubeErrorOf(action, isExpired ? 410 : (status.code ?? 500), status);
    }
    default:
      return { type: 'unknown' };
  }
}

function parseLine(action: string, line: string): { readonly type: string; readonly body: object } {
  try {
    const event: { type?: unknown; object?: unknown } | null = JSON.parse(line);
    if (typeof event?.type === 'string' && typeof event.object === 'object' && event.object !== null) {
      return { type: event.type, body: event.object };
    }
  } catch (cause) {
    throw new KubeError(`${action}: a line of the watch is no JSON`, { status: 0, reason: 'BadAnswer', cause });
  }
  throw new KubeError(`${action}: a line of the watch is no event`, { status: 0, reason: 'BadAnswer' });
}
