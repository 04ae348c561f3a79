import { type Cidr, familyOf, parseLooseCidr } from '../../lib/ip.ts';
import { listAddresses } from './netlink/address.ts';
import { listLinks } from './netlink/link.ts';
import type { Netns } from './netns.ts';

/** The interface that carries packets between nodes. */
export interface Underlay {
  readonly name: string;
  readonly index: number;
  readonly mtu: number;
  /** The subnets that the node is in by this interface. */
  readonly subnets: readonly Cidr[];
}

/** Outer IP (20 or 40), UDP (8), VXLAN (8) and the inner Ethernet header (14): RFC 7348, section 5. */
const VXLAN_OVERHEAD_BYTES = { 4: 50, 6: 70 } as const;

/** The interface that holds the node's `address`; undefined when none does. */
export function findUnderlay(host: Netns, address: string): Underlay | undefined {
  const addresses = listAddresses(host.rtnetlink);
  const holder = addresses.find((entry) => entry.address === address);
  const link = listLinks(host.rtnetlink).find(({ index }) => index === holder?.index);
  if (link === undefined) return undefined;
  const own = addresses.filter((entry) => entry.index === link.index && !entry.address.startsWith('fe80:'));
  const subnets = own.flatMap((entry) => parseLooseCidr(`${entry.address}/${entry.prefixLength}`) ?? []);
  return { name: link.name, index: link.index, mtu: link.mtu, subnets };
}

/** MTU of pods' links, so that a packet fits the underlay, wrapped where a tunnel to `address` wraps it. */
export function podMtuOf({ mtu }: Underlay, address: string, isTunnelUsed: boolean): number {
  return isTunnelUsed ? mtu - VXLAN_OVERHEAD_BYTES[familyOf(address)] : mtu;
}

/** MTU of the VXLAN device. */
export function tunnelMtuOf({ mtu }: Underlay, address: string): number {
  return mtu - VXLAN_OVERHEAD_BYTES[familyOf(address)];
}
