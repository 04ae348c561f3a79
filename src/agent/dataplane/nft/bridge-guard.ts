import { familyOf } from '../../../lib/ip.ts';
import { POD_INTERFACE_PREFIX } from '../../../model/node/names.ts';
import { HOST_END_MAC } from '../pod-addressing.ts';
import { ElementTable, type TableElement, type TableShape } from './element-table.ts';
import { checkedAddress, checkedInterface } from './names.ts';

const PODS = `"${POD_INTERFACE_PREFIX}*"`;

/**
 * Behind a bridge all of its pods are one interface to `inet weft`, which tells them apart by their addresses. For host
 * ports a bridge lets the node's loopback out (`takeLoopback`), and keeps that: what comes in to there is dropped.
 */
const SHAPE: TableShape = {
  family: 'bridge',
  name: 'weft_bridge',
  sets: {
    port_addresses: 'set { type ifname . ipv4_addr; }',
    port_addresses6: 'set { type ifname . ipv6_addr; }',
  },
  chains: {
    'ports { type filter hook prerouting priority -300; policy accept; }': [
      `iifname ${PODS} ip daddr 127.0.0.0/8 counter drop comment "a pod to the node's loopback"`,
      `iifname ${PODS} ether daddr != ${HOST_END_MAC} counter drop comment "around the node"`,
      'iifname . ip saddr @port_addresses accept',
      'iifname . ip6 saddr @port_addresses6 accept',
      `iifname ${PODS} counter drop comment "source is not the pod's own"`,
    ],
  },
};

/** A port of a bridge, and whom it leads to. */
export interface GuardedPort {
  readonly hostInterface: string;
  readonly addresses: readonly string[];
}

/** Lets pods on bridges send as themselves only, and to the node only: the table `bridge weft_bridge`, there while there are such pods. */
export class BridgeGuard {
  readonly #table: ElementTable;
  readonly #ports = new Map<string, GuardedPort>();

  /** @param netnsPath network namespace of the node; without it that of this process. */
  constructor(netnsPath = '/proc/thread-self/ns/net') {
    this.#table = new ElementTable(SHAPE, netnsPath);
  }

  reset(ports: readonly GuardedPort[]): Promise<void> {
    this.#ports.clear();
    for (const port of ports) this.#ports.set(port.hostInterface, port);
    return this.#table.reset(ports.flatMap(elementsOf));
  }

  /** To be called before the port is one. @throws NftError */
  async add(port: GuardedPort): Promise<void> {
    await this.#change(() => this.#ports.set(port.hostInterface, port));
  }

  /** Costs nothing for what is no port. */
  async remove({ hostInterface }: Pick<GuardedPort, 'hostInterface'>): Promise<void> {
    if (this.#ports.has(hostInterface)) await this.#change(() => this.#ports.delete(hostInterface));
  }

  /** Whether somebody else had changed the table, and it was put back. */
  repair(): Promise<boolean> {
    return this.#table.repair();
  }

  close(): Promise<void> {
    return this.#table.close();
  }

  async #change(work: () => void): Promise<void> {
    await this.#table.apply(() => {
      work();
      return [...this.#ports.values()].flatMap(elementsOf);
    });
  }
}

function elementsOf({ hostInterface, addresses }: GuardedPort): TableElement[] {
  return addresses.map((address) => ({
    set: familyOf(address) === 4 ? 'port_addresses' : 'port_addresses6',
    text: `"${checkedInterface(hostInterface)}" . ${checkedAddress(address, { kind: 'pod', key: hostInterface })}`,
  }));
}
