import type { AddressSets } from './address-sets.ts';
import type { ChainUsage } from './chain-usage.ts';
import type { NodeChanges, PodBinding, PolicyEffects } from './change.ts';
import type { UsageChange } from './node-usage.ts';

/** What is to be announced after a change; asks `chains` and `sets` for what happened since the last time. */
export function collectEffects(
  bindings: readonly (readonly [string, PodBinding | undefined])[],
  chains: ChainUsage,
  sets: AddressSets,
): PolicyEffects {
  const patches = sets.takePatches();
  const usage = chains.takeChanges();
  for (const { key, wasUsed } of usage.sets) if (!wasUsed) patches.delete(key);
  return {
    sets: {
      upserts: appeared(usage.sets, (key) => sets.body(key)),
      patches: [...patches].filter(([key]) => chains.isSetUsed(key)).sort(byKey),
      removals: vanished(usage.sets),
    },
    chains: { upserts: appeared(usage.chains, (key) => chains.body(key)), removals: vanished(usage.chains) },
    bindings: [...bindings].sort(byKey),
    setUsers: users(usage.sets),
    chainUsers: users(usage.chains),
  };
}

function appeared<T>(changes: readonly UsageChange[], bodyOf: (key: string) => T | undefined): [string, T][] {
  return changes.flatMap(({ key, wasUsed, isUsed }): [string, T][] => {
    const body = isUsed && !wasUsed ? bodyOf(key) : undefined;
    return body === undefined ? [] : [[key, body]];
  });
}

function vanished(changes: readonly UsageChange[]): string[] {
  return changes.filter(({ wasUsed, isUsed }) => wasUsed && !isUsed).map(({ key }) => key);
}

function users(changes: readonly UsageChange[]): [string, NodeChanges][] {
  return changes
    .filter(({ isUsed, add, remove }) => isUsed && add.length + remove.length > 0)
    .map(({ key, add, remove }) => [key, { add, remove }]);
}

function byKey(a: readonly [string, unknown], b: readonly [string, unknown]): number {
  return a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0;
}
