import type { Lease } from '../model/ipam/lease-state.ts';
import { distinctPorts } from '../model/node/host-ports.ts';
import type { PodWiring } from '../model/node/pod-wiring.ts';
import type { Netns } from './dataplane/netns.ts';
import type { HostPortTable } from './dataplane/nft/host-ports/table.ts';
import { listPodInterfaces } from './dataplane/pod-interfaces.ts';
import type { MacvlanPods } from './macvlan-pods.ts';
import { rebuiltLease } from './state/leases.ts';

/** What the kernel shows of attachments: for when the journal is lost. The runtime's limits are in their links alone. */
export function liveLeases(
  host: Netns,
  hostPorts: Pick<HostPortTable, 'read'>,
  macvlans: Pick<MacvlanPods, 'read'>,
): Lease[] {
  const ports = hostPorts.read();
  const onHost = listPodInterfaces(host).flatMap(({ name, addresses, bridge }) => {
    const own = distinctPorts(addresses.flatMap((address) => ports.get(address) ?? []));
    const wiring: PodWiring = {
      ...(own.length === 0 ? {} : { hostPorts: own }),
      ...(bridge === undefined ? {} : { link: { kind: 'Bridge', bridge } }),
    };
    return addresses.map((address) => rebuiltLease(name, address, wiring));
  });
  const marked = [...macvlans.read()].flatMap(([name, addresses]) =>
    addresses.map((address) => rebuiltLease(name, address, { link: { kind: 'Macvlan', networks: [] } })),
  );
  return [...onHost, ...marked];
}
