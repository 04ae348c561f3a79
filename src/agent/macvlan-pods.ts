import { existsSync } from 'node:fs';
import { familyOf } from '../lib/ip.ts';
import type { PodAttachment } from './cni/attach.ts';
import {
  checkMacvlan,
  forgetMacvlan,
  type MacvlanPod,
  tidyMacvlans,
  unwireMacvlan,
  wireMacvlan,
} from './dataplane/macvlan.ts';
import type { Netns } from './dataplane/netns.ts';
import { ElementTable, type TableShape } from './dataplane/nft/element-table.ts';
import { findUnderlay } from './dataplane/underlay.ts';
import { limitsOf } from './pod-limits.ts';
import type { ResourceStore } from './state/resources.ts';

/** Nothing on the node shows the pods' links: this says whose the addresses are, when the journal is lost. */
const SHAPE: TableShape = {
  family: 'inet',
  name: 'weft_macvlan',
  sets: { pods4: 'set { type ifname . ipv4_addr; }', pods6: 'set { type ifname . ipv6_addr; }' },
  chains: {},
};

/** Pods on macvlans of the node's interfaces. They are outside of its policy, so those that a policy selects are cut off. */
export class MacvlanPods {
  readonly #host: Netns;
  readonly #resources: ResourceStore;
  readonly #marks: ElementTable;
  readonly #marked = new Map<string, readonly string[]>();

  constructor(host: Netns, resources: ResourceStore, netnsPath = '/proc/thread-self/ns/net') {
    this.#host = host;
    this.#resources = resources;
    this.#marks = new ElementTable(SHAPE, netnsPath);
  }

  /** Addresses by the name that the host end would have. */
  read(): ReadonlyMap<string, readonly string[]> {
    const pairs = this.#marks.list().map(({ text }) => /^"(\S+)" \. (\S+)$/.exec(text));
    const groups = Map.groupBy(pairs, (pair) => pair?.[1] ?? '');
    return new Map([...groups].map(([name, of]) => [name, of.map((pair) => pair?.[2] ?? '')]));
  }

  reset(attachments: readonly PodAttachment[]): Promise<void> {
    this.#marked.clear();
    for (const { hostInterface, addresses } of attachments.filter(isMacvlan))
      this.#marked.set(hostInterface, addresses);
    return this.#marks.reset(this.#elements());
  }

  repair(): Promise<boolean> {
    return this.#marks.repair();
  }

  async mark({ hostInterface, addresses }: PodAttachment): Promise<void> {
    this.#marked.set(hostInterface, addresses);
    await this.#marks.apply(() => this.#elements());
  }

  /** @throws Error when a policy has come since the pod was asked for. */
  wire(attachment: PodAttachment): void {
    const objection = this.objection(attachment);
    if (objection !== undefined) throw new Error(objection);
    wireMacvlan(this.#host, this.#podOf(attachment));
  }

  /** The link goes at once: nothing but its end stops what the pod sends. */
  async shut(attachment: PodAttachment): Promise<void> {
    this.cutOff(attachment);
    this.#marked.delete(attachment.hostInterface);
    await this.#marks.apply(() => this.#elements());
  }

  cutOff({ netns, ifname, addresses }: PodAttachment): void {
    unwireMacvlan({ netnsPath: netns, ifname });
    forgetMacvlan(this.#host, addresses);
  }

  /** Why the pod must not be connected, or undefined. */
  objection({ podUid }: Pick<PodAttachment, 'podUid'>): string | undefined {
    const pod = this.#resources.get('pod', podUid);
    return pod?.ingressChain === undefined && pod?.egressChain === undefined ? undefined : MACVLAN_POLICY;
  }

  isIntact(attachment: PodAttachment): boolean {
    return (
      !existsSync(attachment.netns) || this.objection(attachment) !== undefined || this.check(attachment).length === 0
    );
  }

  check(attachment: PodAttachment): readonly string[] {
    return checkMacvlan(this.#host, this.#podOf(attachment));
  }

  tidy(held: ReadonlySet<string>): void {
    tidyMacvlans(this.#host, held);
  }

  #podOf({ podUid, netns, ifname, addresses, wiring }: PodAttachment): MacvlanPod {
    const link = wiring?.link?.kind === 'Macvlan' ? wiring.link : undefined;
    const node = this.#resources.get('node', 'self');
    const { egressBitsPerSecond: egress } = limitsOf(this.#resources, { podUid, ...(wiring && { wiring }) });
    const families = addresses.map(familyOf);
    const networks = (link?.networks ?? []).filter(({ cidr }) => families.includes(familyOf(cidr)));
    return {
      ...{ netnsPath: netns, ifname, addresses, networks, nodeAddresses: node?.addresses ?? [] },
      parent: link?.parent ?? findUnderlay(this.#host, node?.address ?? '')?.name ?? '',
      ...(egress === undefined ? {} : { egressBitsPerSecond: egress }),
    };
  }

  #elements() {
    return [...this.#marked].flatMap(([name, addresses]) =>
      addresses.map((address) => ({ set: `pods${familyOf(address)}`, text: `"${name}" . ${address}` })),
    );
  }
}

export const MACVLAN_POLICY =
  'a policy selects the pod, and none can hold for podNetwork Macvlan, whose packets do not pass the node: ' +
  'use a pool of another podNetwork, or no policy';

export function isMacvlan({ wiring }: PodAttachment): boolean {
  return wiring?.link?.kind === 'Macvlan';
}
