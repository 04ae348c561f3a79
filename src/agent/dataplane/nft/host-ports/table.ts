import { networkInterfaces } from 'node:os';
import { canonicalIp } from '../../../../lib/ip.ts';
import type { HostPort } from '../../../../model/node/host-ports.ts';
import { inNetns } from '../../netns.ts';
import { Conntrack } from '../conntrack.ts';
import { ElementTable, type TableElement } from '../element-table.ts';
import { elementsOf, type PortHolder, portOf } from './elements.ts';
import { HOST_PORTS } from './shape.ts';

/** The node's ports that lead to its pods: the table `inet weft_hostports`, which is there as long as a pod has such. */
export class HostPortTable {
  readonly #table: ElementTable;
  readonly #conntrack: Conntrack;
  readonly #localAddresses: () => ReadonlySet<string>;
  /** By pod and interface: of two sandboxes of a pod the newer has the ports. */
  readonly #holders = new Map<string, PortHolder>();

  /**
   * @param netnsPath network namespace of the node; without it that of this process.
   * @throws NftError `LibraryMissing`, NetnsError, NetlinkError.
   */
  constructor(netnsPath = '/proc/thread-self/ns/net') {
    this.#table = new ElementTable(HOST_PORTS, netnsPath);
    this.#conntrack = inNetns(netnsPath, () => new Conntrack());
    this.#localAddresses = () => inNetns(netnsPath, addressesOfThisNamespace);
  }

  /** What an earlier agent's table says, by the address that ports lead to. For when the journal is lost. */
  read(): ReadonlyMap<string, readonly HostPort[]> {
    const ports = this.#table.list().flatMap((element) => portOf(element) ?? []);
    const groups = Map.groupBy(ports, ({ address }) => address);
    return new Map([...groups].map(([address, of]) => [address, of.map(({ port }) => port)]));
  }

  /** Replaces the table whatever it holds, in one transaction; without ports there is none. */
  reset(holders: readonly PortHolder[]): Promise<void> {
    this.#holders.clear();
    for (const holder of holders.filter(hasPorts)) this.#holders.set(keyOf(holder), holder);
    return this.#table.reset([...this.#holders.values()].flatMap(elementsOf));
  }

  /** The ports lead to the pod when it resolves, and no UDP goes where it went before. @throws NftError */
  add(holder: PortHolder): Promise<void> {
    return hasPorts(holder) ? this.#change(() => this.#holders.set(keyOf(holder), holder)) : Promise.resolve();
  }

  /** Costs nothing when the interface's pod has no ports. */
  remove({ hostInterface }: Pick<PortHolder, 'hostInterface'>): Promise<void> {
    const key = () => [...this.#holders].find(([, holder]) => holder.hostInterface === hostInterface)?.[0];
    return key() === undefined ? Promise.resolve() : this.#change(() => this.#holders.delete(key() ?? ''));
  }

  /** What of the pod's ports the kernel does not hold, as sentences. */
  faults(holder: PortHolder): readonly string[] {
    if (!hasPorts(holder)) return [];
    const present = new Set(this.#table.list().map(({ set, text }) => `${set} ${text}`));
    const missing = elementsOf(holder).filter(({ set, text }) => !present.has(`${set} ${text}`));
    return missing.map(({ set, text }) => `${set} of table inet ${HOST_PORTS.name} lacks ${text}`);
  }

  /** Puts the table back where somebody else changed it: chains, rules or elements. Whether that was so. */
  repair(): Promise<boolean> {
    return this.#table.repair();
  }

  async close(): Promise<void> {
    await this.#table.close();
    this.#conntrack.close();
  }

  async #change(work: () => void): Promise<void> {
    const changed = await this.#table.apply(() => {
      work();
      return [...this.#holders.values()].flatMap(elementsOf);
    });
    this.#cut(changed);
  }

  /** A client of UDP goes on with its connection's entry, which leads where the port led when it began. */
  #cut(changed: readonly TableElement[]): void {
    const ports = changed.flatMap((element) => portOf(element)?.port ?? []);
    const cut = new Set(ports.filter(({ protocol }) => protocol === 'UDP').map(({ hostPort }) => hostPort));
    if (cut.size === 0) return;
    const local = this.#localAddresses();
    for (const flow of this.#conntrack.flows('all')) {
      if (flow.protocol === 'UDP' && cut.has(flow.dialledPort) && local.has(flow.dialled)) this.#conntrack.delete(flow);
    }
  }
}

function hasPorts({ wiring }: PortHolder): boolean {
  return (wiring?.hostPorts ?? []).length > 0;
}

function keyOf({ podUid, ifname }: PortHolder): string {
  return `${podUid}/${ifname}`;
}

function addressesOfThisNamespace(): ReadonlySet<string> {
  const all = Object.values(networkInterfaces()).flatMap((of) => of ?? []);
  return new Set(all.flatMap(({ address }) => canonicalIp(address) ?? []));
}
