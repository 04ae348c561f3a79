/**
 * Worlds: what there is at some moments, by key. However one gets from nothing to the last moment, what is made of it
 * must be the same.
 */
export type WorldState<T> = ReadonlyMap<string, T>;

export interface WorldStep<T> {
  readonly upserts: readonly (readonly [key: string, value: T])[];
  readonly removals: readonly string[];
}

export type WorldReplay<T> = readonly WorldStep<T>[];

/** Replays by name; each begins with nothing and ends with the last of `states`. */
export function expandWorld<T>(states: readonly WorldState<T>[]): ReadonlyMap<string, WorldReplay<T>> {
  const last = states.at(-1) ?? new Map<string, T>();
  const inOrder = walk(states);
  return new Map<string, WorldReplay<T>>([
    ['in order', inOrder],
    ['with the keys of each step reversed', inOrder.map(reverseKeys)],
    ['with the states reversed, and the last one again', walk([...states].reverse().concat([last]))],
    ['split into single changes', inOrder.flatMap(splitStep)],
    ['split, with the keys reversed', inOrder.map(reverseKeys).flatMap(splitStep)],
    ['squashed into one step', walk([last])],
    ['with every step repeated', inOrder.flatMap((step) => [step, step])],
    [
      'with everything removed in between',
      walk(states.flatMap((state) => [state, new Map<string, T>()]).concat([last])),
    ],
  ]);
}

function walk<T>(states: readonly WorldState<T>[]): WorldStep<T>[] {
  let before: WorldState<T> = new Map();
  return states.map((state) => {
    const step = difference(before, state);
    before = state;
    return step;
  });
}

function difference<T>(before: WorldState<T>, after: WorldState<T>): WorldStep<T> {
  return {
    upserts: [...after].filter(([key, value]) => JSON.stringify(before.get(key)) !== JSON.stringify(value)),
    removals: [...before.keys()].filter((key) => !after.has(key)),
  };
}

function reverseKeys<T>({ upserts, removals }: WorldStep<T>): WorldStep<T> {
  return { upserts: [...upserts].reverse(), removals: [...removals].reverse() };
}

function splitStep<T>({ upserts, removals }: WorldStep<T>): WorldStep<T>[] {
  return [
    ...upserts.map((upsert) => ({ upserts: [upsert], removals: [] })),
    ...removals.map((key) => ({ upserts: [], removals: [key] })),
  ];
}
