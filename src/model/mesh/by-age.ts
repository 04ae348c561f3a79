import { type KubeObject, objectKey } from '../../api/meta.ts';

/** Older first; by namespace and name where the API server's clock does not tell them apart. */
export function byAge(a: KubeObject, b: KubeObject): number {
  const [ageA, ageB] = [ageText(a), ageText(b)];
  return ageA < ageB ? -1 : ageA > ageB ? 1 : 0;
}

function ageText(object: KubeObject): string {
  return `${object.metadata.creationTimestamp ?? '9999'} ${objectKey(object)}`;
}
