import { isDeepStrictEqual } from 'node:util';
import type { Condition, KubeObject } from '../api/meta.ts';
import type { Clock } from '../lib/clock.ts';
import { type DesiredCondition, mergeConditions } from '../model/status/conditions.ts';
import type { KubeApi } from './client.ts';
import { DONE, type ReconcileResult } from './controller.ts';
import { isConflict } from './errors.ts';
import { collectionPath, type Kind, objectPath } from './kinds.ts';

const APPLY = 'application/apply-patch+yaml';
/** Between two status writes of one object. */
const STATUS_INTERVAL_MS = 1_000;
/** Objects whose last write is remembered; the oldest are forgotten first. */
const MAX_REMEMBERED = 10_000;

/**
 * What is applied: all fields that the manager owns, and nothing else. `uid` keeps it from a later namesake, but not
 * with the status subresource of a custom resource, which takes only `resourceVersion` for that.
 */
export interface AppliedObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    /** Refuses the write when the object has changed since. */
    readonly resourceVersion?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly finalizers?: readonly string[];
    readonly ownerReferences?: KubeObject['metadata']['ownerReferences'];
  };
  readonly [field: string]: unknown;
}

export interface ApplyOptions {
  readonly api: KubeApi;
  /** One name a controller, for ever: with another name, fields that are no longer wanted would stay. */
  readonly fieldManager: string;
}

/**
 * Server-side apply with force, as controllers do: makes the object when it is absent, takes over fields that others
 * own, and drops fields that an earlier apply of the same manager had.
 *
 * @throws KubeError; 409 when `uid` is that of an object which no longer exists, 422 when another has its name, and 409
 *         when `resourceVersion` is not that of the object any more.
 */
export async function applyObject<T extends KubeObject>(
  { api, fieldManager }: ApplyOptions,
  kind: Kind<T>,
  object: AppliedObject,
  signal: AbortSignal,
  subresource?: 'status',
): Promise<T> {
  return await api.request<T>('PATCH', objectPath(kind, object.metadata, subresource), {
    query: { fieldManager, force: true },
    contentType: APPLY,
    body: { apiVersion: kind.apiVersion, kind: kind.kind, ...object },
    signal,
  });
}

/**
 * Makes the object; it is left as it is when it is there. What is said here and in no apply of the manager is whoever's
 * changes it: the replicas of a Deployment for example.
 *
 * @throws KubeError
 */
export async function createObject<T extends KubeObject>(
  { api, fieldManager }: ApplyOptions,
  kind: Kind<T>,
  object: AppliedObject,
  signal: AbortSignal,
): Promise<void> {
  const body = { apiVersion: kind.apiVersion, kind: kind.kind, ...object };
  try {
    await api.request<T>('POST', collectionPath(kind, object.metadata.namespace), {
      query: { fieldManager },
      body,
      signal,
    });
  } catch (error) {
    if (!isConflict(error)) throw error;
  }
}

export interface DesiredStatus {
  readonly conditions: readonly DesiredCondition[];
  readonly [field: string]: unknown;
}

/** An object as the store has it, with its status. */
export interface StatusHolder extends KubeObject {
  readonly status?: { readonly conditions?: readonly Condition[] };
}

/** Writes statuses: not when nothing changed, and at most once a second for each object. */
export class StatusWriter {
  readonly #options: ApplyOptions & { readonly clock: Clock };
  /** Monotonic time of the last write, by uid; in order of writing. */
  readonly #writtenMs = new Map<string, number>();

  constructor(options: ApplyOptions & { readonly clock: Clock }) {
    this.#options = options;
  }

  /**
   * Makes the status of `object` say `desired` (all fields of it: what is left out is dropped).
   *
   * @param object as it is in the store: what it says is compared, and its generation becomes `observedGeneration`.
   * @returns DONE when the status stands; otherwise when to reconcile again, which then writes what is true by then.
   * @throws KubeError when the write fails; 409 when the store was behind: the object has changed or is another.
   */
  async write<T extends StatusHolder>(
    kind: Kind<T>,
    object: T,
    desired: DesiredStatus,
    signal: AbortSignal,
  ): Promise<ReconcileResult> {
    const { clock } = this.#options;
    const { name, namespace, uid = '', resourceVersion, generation } = object.metadata;
    const now = new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
    const conditions = mergeConditions(object.status?.conditions ?? [], desired.conditions, {
      observedGeneration: generation,
      now,
    });
    const status = { ...desired, conditions };
    if (sameStatus(object.status, status)) return DONE;

    const waitMs = (this.#writtenMs.get(uid) ?? Number.NEGATIVE_INFINITY) + STATUS_INTERVAL_MS - clock.monotonic();
    if (waitMs > 0) return { requeueAfterMs: Math.ceil(waitMs) };
    const metadata = {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    };
    await applyObject(this.#options, kind, { metadata, status }, signal, 'status');
    this.#remember(uid);
    return DONE;
  }

  #remember(uid: string): void {
    this.#writtenMs.delete(uid);
    this.#writtenMs.set(uid, this.#options.clock.monotonic());
    if (this.#writtenMs.size <= MAX_REMEMBERED) return;
    const [oldest] = this.#writtenMs.keys();
    if (oldest !== undefined) this.#writtenMs.delete(oldest);
  }
}

/** Equality as JSON, whatever the order of keys and of conditions. */
function sameStatus(stored: StatusHolder['status'], wanted: { readonly conditions: readonly Condition[] }): boolean {
  if (stored === undefined) return false;
  const sorted = [...(stored.conditions ?? [])].sort((a, b) => (a.type < b.type ? -1 : 1));
  return isDeepStrictEqual(asJson({ ...stored, conditions: sorted }), asJson(wanted));
}

function asJson(value: object): unknown {
  return JSON.parse(JSON.stringify(value));
}
