import { type Cidr, containsAddress, type Family, familyOf, overlaps, parseCidr, parseIp } from '../../lib/ip.ts';
import type { Encapsulation, PeerIr, PoolIr } from './ir.ts';

/** How packets for a block of another node travel. */
export type BlockRoute =
  | { readonly block: string; readonly way: 'tunnel'; readonly gateway: string }
  | { readonly block: string; readonly way: 'direct'; readonly gateway: string };

/**
 * The routes to a peer's blocks: through the tunnel by its tunnel address, or directly by an address that it has in one
 * of this node's own `subnets`. A block whose pool has no encapsulation and whose node is elsewhere has none: the
 * network between the nodes has to know the way.
 */
export function routesToPeer(peer: PeerIr, pools: readonly PoolIr[], subnets: readonly Cidr[]): readonly BlockRoute[] {
  return peer.blocks.flatMap((block): readonly BlockRoute[] => {
    const family = familyOf(block);
    const encapsulation = encapsulationOf(block, pools);
    const neighbour = encapsulation === 'VXLAN' ? undefined : addressIn(peer.addresses, family, subnets);
    if (neighbour !== undefined) return [{ block, way: 'direct', gateway: neighbour }];
    const tunnelAddress = peer.tunnelAddresses.find((address) => familyOf(address) === family);
    if (encapsulation === 'None' || tunnelAddress === undefined) return [];
    return [{ block, way: 'tunnel', gateway: tunnelAddress }];
  });
}

/** Whether packets of any pool are wrapped, so that pods' links must leave room for that. */
export function isTunnelUsed(pools: readonly PoolIr[]): boolean {
  return pools.length === 0 || pools.some(({ encapsulation }) => encapsulation !== 'None');
}

function encapsulationOf(block: string, pools: readonly PoolIr[]): Encapsulation {
  const range = parseCidr(block);
  const pool = pools.find(({ cidr }) => {
    const of = parseCidr(cidr);
    return of !== undefined && range !== undefined && overlaps(of, range);
  });
  return pool?.encapsulation ?? 'VXLAN';
}

function addressIn(addresses: readonly string[], family: Family, subnets: readonly Cidr[]): string | undefined {
  return addresses.find((address) => {
    const ip = parseIp(address);
    return ip?.family === family && subnets.some((subnet) => containsAddress(subnet, ip));
  });
}
