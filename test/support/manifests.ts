import { parseAllDocuments } from 'yaml';
import type { KubeObject } from '../../src/api/meta.ts';

/** The objects of a YAML stream, in order; empty documents are passed over. */
export function parseManifests(text: string): KubeObject[] {
  return [...parseAllDocuments(text)].flatMap((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw error;
    const object = document.toJS() as KubeObject | null;
    return object === null ? [] : [object];
  });
}

/** Those of one kind; `group` tells kinds of one name apart. */
export function ofKind<T extends KubeObject>(objects: readonly KubeObject[], kind: string, group?: string): T[] {
  const found = objects.filter((object) => object.kind === kind && (group === undefined || groupOf(object) === group));
  return found as T[];
}

function groupOf({ apiVersion = '' }: KubeObject): string {
  return apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '';
}
