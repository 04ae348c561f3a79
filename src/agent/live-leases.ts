import type { Lease } from '../model/ipam/lease-state.ts';
import type { Netns } from './dataplane/netns.ts';
import { listPodInterfaces } from './dataplane/pod-interfaces.ts';
import type { MacvlanPods } from './macvlan-pods.ts';
import { rebuiltLease } from './state/leases.ts';

/** What the kernel shows of attachments: for when the journal is lost. The runtime's limits are in their links alone. */
export function liveLeases(host: Netns, macvlans: Pick<MacvlanPods, 'read'>): Lease[] {
  const onHost = listPodInterfaces(host).flatMap(({ name, addresses, bridge }) =>
    addresses.map((address) =>
      rebuiltLease(name, address, bridge === undefined ? {} : { link: { kind: 'Bridge', bridge } }),
    ),
  );
  const marked = [...macvlans.read()].flatMap(([name, addresses]) =>
    addresses.map((address) => rebuiltLease(name, address, { link: { kind: 'Macvlan', networks: [] } })),
  );
  return [...onHost, ...marked];
}
