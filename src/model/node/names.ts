import { shortHash } from '../../lib/hash.ts';

/** Interfaces whose name starts so are pods' host ends: the policy table drops those it does not know. */
export const POD_INTERFACE_PREFIX = 'weft';
/** Of the bridges of pools with `podNetwork: Bridge`; no host end is called so. */
export const BRIDGE_PREFIX = 'weft-br';
/** Of the node's own macvlans, by which it reaches those of its pods; not `weft…`: they are no ends of pods. */
export const MACVLAN_PREFIX = 'mvweft';
export const VXLAN_INTERFACE = 'vxlan.weft';
/** IANA's VXLAN port (RFC 7348); VNI 1 is Flannel's, 4096 Calico's. */
export const VXLAN_PORT = 4789;
export const VXLAN_VNI = 5187;

/** Who made a route (`rtm_protocol`): all of Weft's carry this. Not taken in include/uapi/linux/rtnetlink.h. */
export const ROUTE_PROTOCOL = 87;
/** Of routes learned by BGP: behind Weft's own and the machine's (0 for IPv4, 1024 for IPv6). */
export const BGP_ROUTE_METRIC = 2048;

/** Name of the IPBlock for a range: it follows from the range, so that to create it is to claim it. */
export function blockName(cidr: string): string {
  return cidr.replace(/[.:/]/g, '-');
}

/** Host end of an attachment: 15 characters, IFNAMSIZ less the terminator. By container, so that an old sandbox's DEL never meets the new one's link. */
export function hostInterfaceName(containerId: string, ifname: string): string {
  return `${POD_INTERFACE_PREFIX}${shortHash(`${containerId}/${ifname}`, 11)}`;
}

/** A locally administered unicast MAC that every node can compute from the Node's UID. */
export function tunnelMacOf(nodeUid: string): string {
  return `0a:${shortHash(`tunnel/${nodeUid}`, 10).match(/../g)?.join(':') ?? ''}`;
}

/** At most 15 characters: the kernel's limit. */
export function bridgeName(pool: string): string {
  return `${BRIDGE_PREFIX}${shortHash(pool, 8)}`;
}

export function macvlanName(parent: string): string {
  return `${MACVLAN_PREFIX}${shortHash(parent, 8)}`;
}
