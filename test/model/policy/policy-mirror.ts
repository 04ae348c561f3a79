import type { AddressSetIr, ChainIr } from '../../../src/model/node/ir.ts';
import type { NodeChanges, PodBinding, PolicyEffects } from '../../../src/model/policy/change.ts';
import { addressSets, evaluate } from '../../../src/model/policy/evaluate.ts';
import type { Packet, Verdict } from './oracle.ts';

/** What follows from the effects alone; refuses effects that do not fit what went before. */
export class PolicyMirror {
  readonly sets = new Map<string, AddressSetIr>();
  readonly chains = new Map<string, ChainIr>();
  readonly bindings = new Map<string, PodBinding>();
  readonly setUsers = new Map<string, Set<string>>();
  readonly chainUsers = new Map<string, Set<string>>();

  apply(effects: PolicyEffects): void {
    for (const [key, body] of effects.sets.upserts) {
      must(!this.sets.has(key), `set ${key} is announced twice`);
      this.sets.set(key, body);
    }
    for (const [key, { add, remove }] of effects.sets.patches) {
      const set = this.sets.get(key);
      must(set !== undefined, `patch of set ${key}, which was not announced`);
      must(
        add.every((member) => !set.members.includes(member)),
        `set ${key} has what is added`,
      );
      must(
        remove.every((member) => set.members.includes(member)),
        `set ${key} has not what is removed`,
      );
      const members = [...set.members.filter((member) => !remove.includes(member)), ...add].sort();
      this.sets.set(key, { type: set.type, members });
    }
    for (const [key, body] of effects.chains.upserts) {
      must(!this.chains.has(key), `chain ${key} is announced twice`);
      this.chains.set(key, body);
    }
    for (const [key, nodes] of effects.setUsers) follow(this.setUsers, key, nodes);
    for (const [key, nodes] of effects.chainUsers) follow(this.chainUsers, key, nodes);
    for (const [uid, binding] of effects.bindings) {
      if (binding === undefined) this.bindings.delete(uid);
      else this.bindings.set(uid, binding);
    }
    for (const key of effects.chains.removals) {
      must(this.chains.delete(key), `chain ${key} is removed, which was not announced`);
      this.chainUsers.delete(key);
    }
    for (const key of effects.sets.removals) {
      must(this.sets.delete(key), `set ${key} is removed, which was not announced`);
      this.setUsers.delete(key);
    }
  }

  decide(podUid: string, { direction, peer, protocol, port }: Packet): Verdict {
    const binding = this.bindings.get(podUid);
    must(binding !== undefined, `pod ${podUid} has no binding`);
    const key = direction === 'ingress' ? binding.ingressChain : binding.egressChain;
    if (key === undefined) return 'allow';
    const chain = this.chains.get(key);
    must(chain !== undefined, `pod ${podUid} is bound to chain ${key}, which was not announced`);
    return evaluate(chain, addressSets(this.sets), { peer, protocol, port, code: 0 }).verdict;
  }

  /** Which policy on trial would have decided what, as it is counted; undefined: none. */
  wouldDecide(podUid: string, { direction, peer, protocol, port }: Packet): string | undefined {
    const binding = this.bindings.get(podUid);
    const key = direction === 'ingress' ? binding?.ingressChain : binding?.egressChain;
    const audit = this.chains.get(key ?? '')?.audit;
    if (audit === undefined) return undefined;
    const chain: ChainIr = { rules: audit.rules, otherwise: 'allow' };
    const { verdict, rule } = evaluate(chain, addressSets(this.sets), { peer, protocol, port, code: 0 });
    const origin = audit.rules[rule ?? -1]?.origin ?? '';
    return audit.onTrial.includes(origin) ? `${verdict} by ${origin}` : undefined;
  }

  /** The nodes that should use each chain and set, going by the bindings. */
  expectedUsers(): { readonly chains: Map<string, Set<string>>; readonly sets: Map<string, Set<string>> } {
    const users = { chains: new Map<string, Set<string>>(), sets: new Map<string, Set<string>>() };
    for (const { nodeName, ingressChain, egressChain } of this.bindings.values()) {
      for (const key of [ingressChain, egressChain]) {
        if (key === undefined) continue;
        note(users.chains, key, nodeName);
        const { rules = [], audit } = this.chains.get(key) ?? {};
        for (const { peers } of [...rules, ...(audit?.rules ?? [])]) {
          if (peers !== 'any') for (const set of peers) note(users.sets, set, nodeName);
        }
      }
    }
    return users;
  }
}

function follow(users: Map<string, Set<string>>, key: string, { add, remove }: NodeChanges): void {
  for (const node of add) note(users, key, node);
  for (const node of remove)
    must(users.get(key)?.delete(node) === true, `${node} gives up ${key}, which it did not use`);
}

function note(users: Map<string, Set<string>>, key: string, node: string): void {
  const nodes = users.get(key) ?? new Set<string>();
  users.set(key, nodes);
  nodes.add(node);
}

function must(holds: boolean, message: string): asserts holds {
  if (!holds) throw new Error(message);
}
