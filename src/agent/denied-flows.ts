import type { Clock } from '../lib/clock.ts';
import type { DeniedFlow } from '../model/policy/denied-flow.ts';
import type { LoggedPacket } from './dataplane/nft/logged-packet.ts';

/** About 300 bytes each. */
const MOST_FLOWS = 2_000;

interface Counted {
  readonly flow: Omit<DeniedFlow, 'packets' | 'first' | 'last'>;
  packets: number;
  readonly first: string;
  last: string;
}

/** What this node's policies denied lately: the flows that were denied last, so many at most. In memory only. */
export class DeniedFlows {
  readonly #clock: Pick<Clock, 'now'>;
  /** The one that was denied last is the last. */
  readonly #flows = new Map<string, Counted>();

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  add(packet: LoggedPacket & { readonly verdict: DeniedFlow['verdict'] }): void {
    const { verdict, direction, policy, source, destination, protocol, icmpType } = packet;
    const port = packet.port ?? icmpType;
    const flow = { verdict, direction, policy, source, destination, protocol, ...(port === undefined ? {} : { port }) };
    const key = Object.values(flow).join(' ');
    const at = new Date(this.#clock.now()).toISOString();
    const known = this.#flows.get(key) ?? { flow, packets: 0, first: at, last: at };
    known.packets += 1;
    known.last = at;
    this.#flows.delete(key);
    this.#flows.set(key, known);
    const [oldest] = this.#flows.keys();
    if (this.#flows.size > MOST_FLOWS && oldest !== undefined) this.#flows.delete(oldest);
  }

  /** The one that was denied last is the first. */
  list(): DeniedFlow[] {
    return [...this.#flows.values()].reverse().map(({ flow, ...rest }) => ({ ...flow, ...rest }));
  }
}
