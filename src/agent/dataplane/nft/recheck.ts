import type { ChainIr, RuleIr } from '../../../model/node/ir.ts';
import { evaluate } from '../../../model/policy/evaluate.ts';
import type { Flow } from './conntrack.ts';
import type { HeldPolicy, NextState, SetDelta } from './held-policy.ts';
import type { PodBinding } from './policy-state.ts';

/** A change of more members is rechecked by the pods it concerns, which are hundreds at most. */
const MEMBERS_LIMIT = 256;

/**
 * Addresses of which an open connection may have become forbidden by the change from `held` to `next`: those of pods
 * whose binding or chain is new, or whose proxy reads other ports, and those of members that left a set which allows, or came into a set which denies, or did either to one that passes.
 */
export function addressesToRecheck(held: HeldPolicy, next: NextState): ReadonlySet<string> {
  const addresses = new Set<string>();
  if (held.pods !== next.pods || held.chains !== next.chains) {
    const { gone, come } = next.podDelta;
    // Where pods only come, all others are as they were.
    for (const pod of held.chains === next.chains && gone.length === 0 ? come : next.pods.values()) {
      for (const address of pod.addresses) {
        const old = held.podAt(address);
        // Nobody had the address, so no connection is open: what leaves it is purged.
        if (old === undefined) continue;
        const before = old.hostInterface === pod.hostInterface ? chainsOf(held, old) : [];
        const isNewlyHeld = chainsOf(next, pod).some((chain, at) => chain !== undefined && chain !== before[at]);
        const isReadOtherwise = pod.httpPorts?.join() !== old.httpPorts?.join();
        if (isNewlyHeld || isReadOtherwise) addresses.add(address);
      }
    }
  }
  for (const delta of next.deltas) addConcerned(addresses, next, delta);
  return addresses;
}

/** Addresses that pods have left: nothing of their connections may be inherited by who comes next. */
export function addressesToPurge(held: HeldPolicy, next: NextState): ReadonlySet<string> {
  if (next.podDelta.gone.length === 0) return new Set();
  const addressesOf = ({ pods }: Pick<NextState, 'pods'>) => [...pods.values()].flatMap(({ addresses }) => addresses);
  const kept = new Set(addressesOf(next));
  return new Set(addressesOf(held).filter((address) => !kept.has(address)));
}

/** Whether policy as held forbids an open connection, and does not let those be. Connections of the node itself always pass, and so does a pod to itself. */
export function isForbidden(held: HeldPolicy, isLocal: (address: string) => boolean, flow: Flow): boolean {
  const { source, destination, ...what } = flow;
  if (source === destination || isLocal(source)) return false;
  const receiver = held.podAt(destination);
  const isHttp = receiver?.httpPorts?.includes(what.port) === true;
  const denies = (chain: ChainIr | undefined, peer: string) => {
    if (chain === undefined) return false;
    const { verdict, rule } = evaluate(chain, held, { ...what, peer, isHttp });
    const { keepsOpen } = rule === undefined ? chain : (chain.rules[rule] ?? chain);
    return verdict !== 'allow' && keepsOpen !== true;
  };
  const [egress] = chainsOf(held, held.podAt(source));
  const [, ingress] = chainsOf(held, receiver);
  return denies(egress, destination) || denies(ingress, source);
}

/** Egress, ingress. */
function chainsOf({ chains }: Pick<NextState, 'chains'>, pod: PodBinding | undefined): (ChainIr | undefined)[] {
  return [pod?.egressChain, pod?.ingressChain].map((key) => (key === undefined ? undefined : chains.get(key)));
}

function addConcerned(addresses: Set<string>, next: NextState, { key, type, isNew, add, remove }: SetDelta): void {
  if (isNew || (add.length === 0 && remove.length === 0)) return;
  for (const pod of next.pods.values()) {
    const actions = new Set(
      chainsOf(next, pod).flatMap((chain) =>
        (chain?.rules ?? []).filter(({ peers }) => peers !== 'any' && peers.includes(key)).map(({ action }) => action),
      ),
    );
    const mayForbid = (action: RuleIr['action']) => actions.has(action) || actions.has('pass');
    const members = [...(mayForbid('allow') ? remove : []), ...(mayForbid('deny') || mayForbid('reject') ? add : [])];
    if (members.length === 0) continue;
    const concerned = type === 'cidr' || members.length > MEMBERS_LIMIT ? pod.addresses : members;
    for (const address of concerned) addresses.add(address);
  }
}
