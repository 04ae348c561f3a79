/** Sets of values by key; a key without values is not kept. */
export type KeySets = Map<string, Set<string>>;

export function addTo(sets: KeySets, key: string, value: string): void {
  const set = sets.get(key);
  if (set === undefined) sets.set(key, new Set([value]));
  else set.add(value);
}

export function removeFrom(sets: KeySets, key: string, value: string): void {
  const set = sets.get(key);
  set?.delete(value);
  if (set?.size === 0) sets.delete(key);
}
