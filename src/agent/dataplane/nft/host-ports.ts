import { networkInterfaces } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import { canonicalIp } from '../../../lib/ip.ts';
import type { HostPortIr } from '../../../model/node/ir.ts';
import { inNetns } from '../netns.ts';
import { Conntrack } from './conntrack.ts';
import { NftContext } from './libnftables.ts';
import { HOST_PORT_TABLE, type HostPortBinding, renderHostPorts } from './render-host-ports.ts';
import { TableInspector } from './table-inspector.ts';

export type { HostPortBinding } from './render-host-ports.ts';

/** Ports of the node that lead to its pods. They are few: each change replaces the whole table, in one transaction. */
export class HostPorts {
  readonly #nft: NftContext;
  readonly #inspector: TableInspector;
  readonly #conntrack: Conntrack;
  readonly #localAddresses: () => ReadonlySet<string>;
  /** By host interface. */
  #bindings: ReadonlyMap<string, HostPortBinding> = new Map();
  #seal = new Map<string, string>();
  #last: Promise<unknown> = Promise.resolve();
  #pending = 0;

  /**
   * @param netnsPath network namespace of the node; without it that of this process.
   * @throws NftError `LibraryMissing`, NetnsError, NetlinkError.
   */
  constructor(netnsPath = '/proc/thread-self/ns/net') {
    [this.#nft, this.#inspector, this.#conntrack] = inNetns(
      netnsPath,
      () => [new NftContext(), new TableInspector(HOST_PORT_TABLE), new Conntrack()] as const,
    );
    this.#localAddresses = () => inNetns(netnsPath, addressesOfThisNamespace);
  }

  /** These and no others, whatever an earlier agent left. */
  reset(bindings: readonly HostPortBinding[]): Promise<void> {
    return this.#inOrder(() => this.#become(new Map(bindings.map((binding) => [binding.hostInterface, binding]))));
  }

  /** @throws Error that names the port when another pod has it; NftError. What was in force then still is. */
  bind(binding: HostPortBinding): Promise<void> {
    return this.#inOrder(async () => {
      const others = [...this.#bindings.values()].filter(
        ({ hostInterface }) => hostInterface !== binding.hostInterface,
      );
      const taken = binding.ports.find((port) => others.some(({ ports }) => ports.some((own) => meets(own, port))));
      if (taken !== undefined) {
        const where = `${taken.address ?? 'every address'} of the node`;
        throw new Error(`port ${taken.protocol} ${taken.hostPort} at ${where} leads to another pod already`);
      }
      await this.#become(new Map(this.#bindings).set(binding.hostInterface, binding));
      this.#cutUdp(binding.ports);
    });
  }

  /** Costs nothing when the interface has no ports. Connections of the pod are the policy table's to cut. */
  unbind(hostInterface: string): Promise<void> {
    if (this.#pending === 0 && !this.#bindings.has(hostInterface)) return Promise.resolve();
    return this.#inOrder(async () => {
      const left = new Map(this.#bindings);
      if (left.delete(hostInterface)) await this.#become(left);
    });
  }

  /** Whether the table is as this left it, by a look at its chains. */
  verify(): boolean {
    return this.#pending > 0 || isDeepStrictEqual(this.#inspector.chains(), this.#seal);
  }

  /** Puts the table back as it was last wanted, where somebody else changed it. Whether that was so. */
  async repair(): Promise<boolean> {
    if (this.verify()) return false;
    await this.#inOrder(() => this.#become(this.#bindings));
    return true;
  }

  /** The table stays. */
  async close(): Promise<void> {
    await this.#inOrder(async () => {
      this.#nft.close();
      this.#inspector.close();
      this.#conntrack.close();
    });
  }

  async #become(bindings: ReadonlyMap<string, HostPortBinding>): Promise<void> {
    await this.#nft.runOnPoolThread(renderHostPorts([...bindings.values()]));
    this.#bindings = bindings;
    this.#seal = this.#inspector.chains();
  }

  /** What was said to these ports before is tracked as said to the node, and would go on so. */
  #cutUdp(ports: readonly HostPortIr[]): void {
    const udp = new Set(ports.filter(({ protocol }) => protocol === 'UDP').map(({ hostPort }) => hostPort));
    if (udp.size === 0) return;
    const local = this.#localAddresses();
    for (const flow of this.#conntrack.flows('all')) {
      if (flow.protocol === 'UDP' && udp.has(flow.port) && local.has(flow.destination)) this.#conntrack.delete(flow);
    }
  }

  #inOrder<T>(work: () => Promise<T>): Promise<T> {
    this.#pending += 1;
    const done = this.#last.then(work).finally(() => {
      this.#pending -= 1;
    });
    this.#last = done.catch(() => undefined);
    return done;
  }
}

function meets(a: HostPortIr, b: HostPortIr): boolean {
  const isSamePlace = a.address === undefined || b.address === undefined || a.address === b.address;
  return a.protocol === b.protocol && a.hostPort === b.hostPort && isSamePlace;
}

function addressesOfThisNamespace(): ReadonlySet<string> {
  const all = Object.values(networkInterfaces()).flatMap((of) => of ?? []);
  return new Set(all.flatMap(({ address }) => canonicalIp(address) ?? []));
}
