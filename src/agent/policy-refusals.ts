import type { NodeUpdate } from '../model/node/desired-update.ts';
import { setsOfChain } from '../model/policy/chain-sets.ts';

/** What of an update is not to be in force, by `kind key`, with why. */
export type Refusals = ReadonlyMap<string, string>;

const HELD_BACK = 'held back, as something that may still need it was refused';

/**
 * With `culprit` refused, all of the update that cannot be in force without it: chains that name a refused set, pods
 * that pass a refused chain. These keep what they had, so nothing that they may still use is removed.
 */
export function withRefused(refused: Refusals, culprit: string, message: string, update: NodeUpdate): Refusals {
  const all = new Map(refused).set(culprit, message);
  const isRefused = (kind: string, key: string | undefined) => key !== undefined && all.has(`${kind} ${key}`);
  for (const resource of update.upserts) {
    if (resource.kind !== 'chain') continue;
    const set = setsOfChain(resource.body).find((key) => isRefused('addressSet', key));
    const id = `chain ${resource.key}`;
    if (set !== undefined && !all.has(id)) all.set(id, `its address set was refused: ${all.get(`addressSet ${set}`)}`);
  }
  for (const resource of update.upserts) {
    if (resource.kind !== 'pod') continue;
    const { ingressChain, egressChain } = resource.body;
    const chain = [ingressChain, egressChain].find((key) => isRefused('chain', key));
    const id = `pod ${resource.key}`;
    if (chain !== undefined && !all.has(id)) all.set(id, `its policy was refused: ${all.get(`chain ${chain}`)}`);
  }
  for (const { kind, key } of update.removals) {
    if (kind === 'chain' || kind === 'addressSet') all.set(`${kind} ${key}`, HELD_BACK);
  }
  return all;
}

/** The update without what is refused. */
export function withoutRefused(update: NodeUpdate, refused: Refusals): NodeUpdate {
  const isLeft = ({ kind, key }: { readonly kind: string; readonly key: string }) => !refused.has(`${kind} ${key}`);
  return {
    ...update,
    upserts: update.upserts.filter(isLeft),
    removals: update.removals.filter(isLeft),
    setPatches: update.setPatches.filter(({ key }) => isLeft({ kind: 'addressSet', key })),
  };
}
