import { listAddresses } from './netlink/address.ts';
import { listLinks } from './netlink/link.ts';
import type { Netns } from './netns.ts';

/** The interface that carries packets between nodes. */
export interface Underlay {
  readonly name: string;
  readonly index: number;
  readonly mtu: number;
}

/** Outer IPv4 (20), UDP (8), VXLAN (8) and the inner Ethernet header (14): RFC 7348, section 5. */
const VXLAN_OVERHEAD_BYTES = 50;

/** The interface that holds the node's `address`; undefined when none does. */
export function findUnderlay(host: Netns, address: string): Underlay | undefined {
  const holder = listAddresses(host.rtnetlink).find((entry) => entry.address === address);
  const link = listLinks(host.rtnetlink).find(({ index }) => index === holder?.index);
  return link && { name: link.name, index: link.index, mtu: link.mtu };
}

/** MTU of pods' links and of the VXLAN device, so that an encapsulated packet fits the underlay. */
export function podMtuOf({ mtu }: Underlay): number {
  return mtu - VXLAN_OVERHEAD_BYTES;
}
