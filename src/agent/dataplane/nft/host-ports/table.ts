import { networkInterfaces } from 'node:os';
import { canonicalIp } from '../../../../lib/ip.ts';
import type { HostPort } from '../../../../model/node/host-ports.ts';
import { inNetns } from '../../netns.ts';
import { Conntrack } from '../conntrack.ts';
import { Inspector } from '../inspect.ts';
import { NftContext } from '../libnftables.ts';
import { elementsOf, parseElements, type PortElement, type PortHolder, portOf } from './elements.ts';
import { elementLines, HOST_PORT_TABLE, renderHostPorts } from './render.ts';

/**
 * The node's ports that lead to its pods: the table `inet weft_hostports`, which is there as long as a pod has such.
 * Changes are made one after the other, in the order they were asked for.
 */
export class HostPortTable {
  readonly #nft: NftContext;
  readonly #inspector: Inspector;
  readonly #conntrack: Conntrack;
  readonly #localAddresses: () => ReadonlySet<string>;
  /** By pod and interface: of two sandboxes of a pod the newer has the ports. */
  readonly #holders = new Map<string, PortHolder>();
  /** What the kernel holds, by set and text. */
  #held = new Map<string, PortElement>();
  #seal: { readonly generation: number; readonly fingerprint: string } | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /**
   * @param netnsPath network namespace of the node; without it that of this process.
   * @throws NftError `LibraryMissing`, NetnsError, NetlinkError.
   */
  constructor(netnsPath = '/proc/thread-self/ns/net') {
    const parts = inNetns(
      netnsPath,
      () => [new NftContext(), new Inspector(HOST_PORT_TABLE), new Conntrack()] as const,
    );
    [this.#nft, this.#inspector, this.#conntrack] = parts;
    this.#localAddresses = () => inNetns(netnsPath, addressesOfThisNamespace);
  }

  /** What an earlier agent's table says, by the address that ports lead to. For when the journal is lost. */
  read(): ReadonlyMap<string, readonly HostPort[]> {
    if (!this.#inspector.hasTable()) return new Map();
    const ports = this.#elements().flatMap((element) => portOf(element) ?? []);
    const groups = Map.groupBy(ports, ({ address }) => address);
    return new Map([...groups].map(([address, of]) => [address, of.map(({ port }) => port)]));
  }

  /** Replaces the table whatever it holds, in one transaction; without ports there is none. */
  reset(holders: readonly PortHolder[]): Promise<void> {
    return this.#inOrder(async () => {
      this.#holders.clear();
      for (const holder of holders.filter(hasPorts)) this.#holders.set(keyOf(holder), holder);
      if (this.#holders.size > 0) await this.#install();
      else if (this.#inspector.hasTable()) await this.#delete();
    });
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
    const present = new Set(this.#inspector.hasTable() ? this.#elements().map(textOf) : []);
    const missing = elementsOf(holder).filter((element) => !present.has(textOf(element)));
    return missing.map(({ set, text }) => `${set} of table inet ${HOST_PORT_TABLE} lacks ${text}`);
  }

  /** Puts the table back where somebody else changed it: chains, rules or elements. Whether that was so. */
  repair(): Promise<boolean> {
    return this.#inOrder(async () => {
      if (this.#holders.size === 0 || this.#isIntact()) return false;
      await this.#install();
      return true;
    });
  }

  /** Deletes the table. */
  discard(): Promise<void> {
    return this.reset([]);
  }

  async close(): Promise<void> {
    await this.#inOrder(async () => {
      this.#nft.close();
      this.#inspector.close();
      this.#conntrack.close();
    });
  }

  #change(work: () => void): Promise<void> {
    return this.#inOrder(async () => {
      work();
      if (this.#holders.size === 0) return this.#delete();
      if (!this.#isIntact()) return this.#install();
      const wanted = this.#wanted();
      const [gone, added] = [without(this.#held, wanted), without(wanted, this.#held)];
      await this.#nft.runOnPoolThread([...elementLines('delete', gone), ...elementLines('add', added)]);
      this.#held = wanted;
      this.#sealNow();
      this.#cut([...gone, ...added]);
    });
  }

  async #install(): Promise<void> {
    const wanted = this.#wanted();
    await this.#nft.runOnPoolThread(renderHostPorts([...wanted.values()]));
    const changed = [...without(this.#held, wanted), ...without(wanted, this.#held)];
    this.#held = wanted;
    this.#sealNow();
    this.#cut(changed);
  }

  async #delete(): Promise<void> {
    const text = [`add table inet ${HOST_PORT_TABLE}`, `delete table inet ${HOST_PORT_TABLE}`];
    await this.#nft.runOnPoolThread(text.map((line) => ({ text: line })));
    const gone = [...this.#held.values()];
    this.#held = new Map();
    this.#seal = undefined;
    this.#cut(gone);
  }

  /** A client of UDP goes on with its connection's entry, which leads where the port led when it began. */
  #cut(changed: readonly PortElement[]): void {
    const ports = changed.flatMap((element) => portOf(element)?.port ?? []);
    const cut = new Set(ports.filter(({ protocol }) => protocol === 'UDP').map(({ hostPort }) => hostPort));
    if (cut.size === 0) return;
    const local = this.#localAddresses();
    for (const flow of this.#conntrack.flows('all')) {
      if (flow.protocol === 'UDP' && cut.has(flow.dialledPort) && local.has(flow.dialled)) this.#conntrack.delete(flow);
    }
  }

  #wanted(): Map<string, PortElement> {
    const elements = [...this.#holders.values()].flatMap(elementsOf);
    return new Map(elements.map((element) => [textOf(element), element]));
  }

  #elements(): PortElement[] {
    return parseElements(this.#nft.list(`list table inet ${HOST_PORT_TABLE}`));
  }

  #isIntact(): boolean {
    if (this.#seal === undefined) return false;
    const generation = this.#inspector.generation();
    if (generation === this.#seal.generation) return true;
    if (this.#inspector.fingerprint() !== this.#seal.fingerprint) return false;
    const present = this.#elements();
    if (present.length !== this.#held.size || present.some((of) => !this.#held.has(textOf(of)))) return false;
    this.#seal = { ...this.#seal, generation };
    return true;
  }

  #sealNow(): void {
    const generation = this.#inspector.generation();
    const fingerprint = this.#inspector.fingerprint();
    this.#seal = fingerprint === undefined ? undefined : { generation, fingerprint };
  }

  #inOrder<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }
}

function hasPorts({ wiring }: PortHolder): boolean {
  return (wiring?.hostPorts ?? []).length > 0;
}

function keyOf({ podUid, ifname }: PortHolder): string {
  return `${podUid}/${ifname}`;
}

function textOf({ set, text }: PortElement): string {
  return `${set} ${text}`;
}

function without(some: ReadonlyMap<string, PortElement>, others: ReadonlyMap<string, unknown>): PortElement[] {
  return [...some].flatMap(([key, element]) => (others.has(key) ? [] : [element]));
}

function addressesOfThisNamespace(): ReadonlySet<string> {
  const all = Object.values(networkInterfaces()).flatMap((of) => of ?? []);
  return new Set(all.flatMap(({ address }) => canonicalIp(address) ?? []));
}
