import type { AddressSetIr, ChainIr } from '../../../model/node/ir.ts';
import { setsOfChain } from '../../../model/policy/chain-sets.ts';
import type { HeldPolicy, NextState, PodDelta, SetDelta } from './held-policy.ts';
import { checkedAddress, checkedCidr, checkedInterface, type Direction } from './names.ts';
import { type Culprit, NftError } from './nft-error.ts';
import type { PodBinding, PolicyChange, SetPatch } from './policy-state.ts';

/**
 * What `held` becomes by `change`. Pure.
 * @throws NftError `BadName` or `DanglingReference`: nothing has been written by then.
 */
export function nextState(held: HeldPolicy, change: PolicyChange): NextState {
  const removedSets = (change.sets?.remove ?? []).filter((key) => held.sets.has(key));
  const pods = nextPods(held, change);
  const next = {
    facts: change.facts ?? held.facts,
    deltas: setDeltas(held, change),
    removedSets,
    chains: nextChains(held, change),
    pods,
    podDelta: podDelta(held, pods, change),
  };
  // Pods that come and go, and members, change the most often: what stays cannot dangle by them.
  const isMoreThanPods = change.chains !== undefined || removedSets.length > 0;
  requireReferences(held, next, isMoreThanPods ? pods.values() : next.podDelta.come);
  return next;
}

export interface ChainUse {
  readonly direction: Direction;
  readonly key: string;
}

/** Chains that pods pass, by `direction key`: only these are in the kernel. */
export function usedChains(pods: Iterable<PodBinding>): ReadonlyMap<string, ChainUse> {
  const uses = new Map<string, ChainUse>();
  for (const { ingressChain, egressChain } of pods) {
    if (ingressChain !== undefined) uses.set(`ingress ${ingressChain}`, { direction: 'ingress', key: ingressChain });
    if (egressChain !== undefined) uses.set(`egress ${egressChain}`, { direction: 'egress', key: egressChain });
  }
  return uses;
}

function setDeltas(held: HeldPolicy, { sets = {} }: PolicyChange): SetDelta[] {
  const patches = new Map(sets.patch ?? []);
  const deltas = (sets.upsert ?? []).map(([key, set]) => {
    const members = new Set(checkedMembers(key, set.type, set.members));
    const patch = patches.get(key);
    patches.delete(key);
    for (const member of checkedMembers(key, set.type, patch?.remove ?? [])) members.delete(member);
    for (const member of checkedMembers(key, set.type, patch?.add ?? [])) members.add(member);
    const same = held.sets.get(key)?.type === set.type ? held.sets.get(key) : undefined;
    const old = same?.members ?? new Set<string>();
    return {
      key,
      type: set.type,
      isNew: same === undefined,
      add: [...members].filter((member) => !old.has(member)),
      remove: [...old].filter((member) => !members.has(member)),
    };
  });
  return [...deltas, ...[...patches].map(([key, patch]) => patchDelta(held, key, patch))];
}

function patchDelta(held: HeldPolicy, key: string, { add, remove }: SetPatch): SetDelta {
  const set = held.sets.get(key);
  if (set === undefined) throw new NftError('DanglingReference', 'there is no such set to patch', { kind: 'set', key });
  const added = new Set(checkedMembers(key, set.type, add));
  return {
    key,
    type: set.type,
    isNew: false,
    add: [...added].filter((member) => !set.members.has(member)),
    remove: [...new Set(remove)].filter((member) => set.members.has(member) && !added.has(member)),
  };
}

function checkedMembers(key: string, type: AddressSetIr['type'], members: readonly string[]): readonly string[] {
  const culprit: Culprit = { kind: 'set', key };
  for (const member of members) type === 'ip' ? checkedAddress(member, culprit) : checkedCidr(member, culprit);
  return members;
}

function nextChains(held: HeldPolicy, { chains }: PolicyChange): ReadonlyMap<string, ChainIr> {
  if (chains === undefined) return held.chains;
  const next = new Map(held.chains);
  for (const key of chains.remove ?? []) next.delete(key);
  for (const [key, chain] of chains.upsert ?? []) {
    const old = held.chains.get(key);
    // The same object for the same content: what follows compares by identity.
    next.set(key, old !== undefined && JSON.stringify(old) === JSON.stringify(chain) ? old : chain);
  }
  return next;
}

function nextPods(held: HeldPolicy, { pods }: PolicyChange): ReadonlyMap<string, PodBinding> {
  if (pods === undefined) return held.pods;
  const next = new Map(held.pods);
  for (const name of pods.unbind ?? []) next.delete(name);
  for (const pod of pods.bind ?? []) {
    for (const address of pod.addresses) checkedAddress(address, { kind: 'pod', key: pod.hostInterface });
    next.set(checkedInterface(pod.hostInterface), pod);
  }
  return next;
}

function podDelta(held: HeldPolicy, next: NextState['pods'], { pods }: PolicyChange): PodDelta {
  const names = new Set([...(pods?.unbind ?? []), ...(pods?.bind ?? []).map(({ hostInterface }) => hostInterface)]);
  const [gone, come]: [PodBinding[], PodBinding[]] = [[], []];
  for (const name of names) {
    const [before, after] = [held.pods.get(name), next.get(name)];
    if (before === after) continue;
    if (before !== undefined) gone.push(before);
    if (after !== undefined) come.push(after);
  }
  return { gone, come };
}

/** @param pods those whose references may be wrong. */
function requireReferences(
  held: HeldPolicy,
  { deltas, removedSets, chains }: NextState,
  pods: Iterable<PodBinding>,
): void {
  const added = new Set(deltas.map(({ key }) => key));
  for (const { key } of usedChains(pods).values()) {
    const culprit: Culprit = { kind: 'chain', key };
    const chain = chains.get(key);
    if (chain === undefined) throw new NftError('DanglingReference', 'a pod needs a chain that is not there', culprit);
    for (const set of setsOfChain(chain)) {
      const exists = added.has(set) || (held.sets.has(set) && !removedSets.includes(set));
      if (!exists)
        throw new NftError('DanglingReference', `its rules need the address set ${set}, which is not there`, culprit);
    }
  }
}
