import { familyOf } from '../lib/ip.ts';
import type { NodeIr, PeerIr } from '../model/node/ir.ts';
import type { PathFault } from '../model/node/report.ts';
import type { EchoRequest } from './dataplane/echo.ts';
import type { ResourceStore } from './state/resources.ts';

export interface PathsDeps {
  readonly resources: ResourceStore;
  /** Of pods' links, in bytes; undefined until it is known. */
  readonly podMtu: () => number | undefined;
  readonly isEchoed: (request: EchoRequest) => Promise<boolean>;
}

/** The smallest packet that every link of a family must carry (RFC 791, RFC 8200). */
const SMALL_BYTES = { 4: 576, 6: 1280 } as const;
const TIMEOUT_MS = 1_000;
const AT_ONCE = 16;
/** Ways that are tried at each call; with more, some calls are left out, so that large clusters send no more. */
const WAYS_A_CALL = 300;
/** Looks in a row that must fail before it is said: nodes restart. */
const LOOKS_BEFORE_FAULT = 2;

/**
 * Whether packets of pods' full size reach every other node by the way that pods' packets take: to the never-leased
 * address of each block's range, from this node's own.
 */
export class Paths {
  readonly #deps: PathsDeps;
  /** Failed looks in a row, by node and family, with the last answer. */
  readonly #failing = new Map<string, { readonly fault: PathFault; readonly looks: number }>();

  #hasLooked = false;
  #callsLeftOut = 0;

  constructor(deps: PathsDeps) {
    this.#deps = deps;
  }

  /** Sorted by node; undefined until there was a look. */
  get faults(): readonly PathFault[] | undefined {
    if (!this.#hasLooked) return undefined;
    const known = [...this.#failing.values()].filter(({ looks }) => looks >= LOOKS_BEFORE_FAULT);
    return known.map(({ fault }) => fault).sort((a, b) => a.node.localeCompare(b.node) || a.family - b.family);
  }

  /** One look at all nodes, some at a time; for every few seconds. */
  async look(): Promise<void> {
    const { resources, podMtu } = this.#deps;
    const [own, mtu] = [resources.get('node', 'self'), podMtu()];
    if (own === undefined || mtu === undefined) return;
    const peers = [...resources.all('peer')].map(([, peer]) => peer);
    const ways = peers.flatMap((peer) => waysTo(peer, own));
    this.#callsLeftOut += 1;
    if (this.#callsLeftOut * WAYS_A_CALL < ways.length) return;
    this.#callsLeftOut = 0;
    const keys = new Set(ways.map(keyOf));
    for (const key of this.#failing.keys()) if (!keys.has(key)) this.#failing.delete(key);
    const work = async () => {
      for (let way = ways.pop(); way !== undefined; way = ways.pop()) await this.#lookAt(way, mtu);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    this.#hasLooked = true;
  }

  async #lookAt(way: Way, mtu: number): Promise<void> {
    const { node, family, source, destination } = way;
    const isEchoed = (packetBytes: number) =>
      this.#deps.isEchoed({ source, destination, packetBytes, timeoutMs: TIMEOUT_MS });
    if (await isEchoed(mtu)) {
      this.#failing.delete(keyOf(way));
      return;
    }
    const isReached = await isEchoed(Math.min(SMALL_BYTES[family], mtu));
    const fault: PathFault = { node, family, what: isReached ? 'TooSmall' : 'Unreachable', bytes: mtu };
    const looks = (this.#failing.get(keyOf(way))?.looks ?? 0) + 1;
    this.#failing.set(keyOf(way), { fault, looks });
  }
}

interface Way {
  readonly node: string;
  readonly family: 4 | 6;
  readonly source: string;
  readonly destination: string;
}

function waysTo(peer: PeerIr, own: NodeIr): Way[] {
  return peer.tunnelAddresses.flatMap((destination): Way[] => {
    const family = familyOf(destination);
    const source = own.tunnelAddresses.find((address) => familyOf(address) === family);
    return source === undefined ? [] : [{ node: peer.node, family, source, destination }];
  });
}

function keyOf({ node, family }: Way): string {
  return `${node} ${family}`;
}
