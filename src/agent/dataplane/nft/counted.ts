import type { RuleCounter } from './inspect.ts';
import { AUDIT } from './render-chain.ts';

/** What a counter of the table counts. */
export interface Counted {
  /** Of policies in force, of policies on trial (what they would have decided), and of rules that no policy asked for. */
  readonly kind: 'policy' | 'audit' | 'guard';
  /** The policy; why packets are dropped, for a guard. */
  readonly origin: string;
  /** Not of guards. */
  readonly direction?: 'ingress' | 'egress';
  /** `allow`, `deny`, `reject` or `pass`. */
  readonly verdict: string;
}

export interface CountedTotal extends Counted {
  readonly packets: number;
  readonly bytes: number;
}

type Count = Pick<RuleCounter, 'packets' | 'bytes'>;

/** By the chain's name, the comment and the verdict. */
export function countedBy({ chain, comment, verdict }: Omit<RuleCounter, keyof Count>): Counted {
  const direction = chain.startsWith('i_') ? 'ingress' : chain.startsWith('e_') ? 'egress' : undefined;
  if (direction === undefined) return { kind: 'guard', origin: comment, verdict };
  if (!comment.startsWith(AUDIT)) return { kind: 'policy', direction, origin: comment, verdict };
  const [would = '', ...origin] = comment.slice(AUDIT.length).split(' ');
  return { kind: 'audit', direction, origin: origin.join(' '), verdict: would };
}

/**
 * What has been counted of each policy, over all chains that ever carried it. The kernel's counters go with their
 * chains, and chains come and go with every change: a sum of them would go down.
 */
export class CounterTotals {
  #seen = new Map<string, Count>();
  #totals = new Map<string, CountedTotal>();

  /** @param counters  the kernel's, now. Policies that none of them is about are forgotten. */
  update(counters: readonly RuleCounter[]): CountedTotal[] {
    const seen = new Map<string, Count>();
    const totals = new Map<string, CountedTotal>();
    for (const { packets, bytes, ...rule } of counters) {
      const id = JSON.stringify(rule);
      const before = this.#seen.get(id);
      seen.set(id, { packets, bytes });
      // Fewer than before: the chain was made anew.
      const last = before === undefined || before.packets > packets ? { packets: 0, bytes: 0 } : before;
      const counted = countedBy(rule);
      const key = JSON.stringify(counted);
      const total = totals.get(key) ?? this.#totals.get(key) ?? { packets: 0, bytes: 0 };
      totals.set(key, {
        ...counted,
        packets: total.packets + packets - last.packets,
        bytes: total.bytes + bytes - last.bytes,
      });
    }
    this.#seen = seen;
    this.#totals = totals;
    return [...totals.values()];
  }
}
