import { familyOf, hostCidr } from '../../lib/ip.ts';
import type { PodWiring } from '../../model/node/pod-wiring.ts';
import { POD_GATEWAYS } from '../dataplane/pod-addressing.ts';

const EVERYWHERE = { 4: '0.0.0.0/0', 6: '::/0' } as const;

/** The result of ADD: specification 1.0.0, section "Success"; the server adds `cniVersion`. */
export function encodeAddResult(attachment: {
  readonly hostInterface: string;
  readonly ifname: string;
  readonly netns: string;
  readonly addresses: readonly string[];
  readonly wiring?: PodWiring;
}): object {
  const families = attachment.addresses.map(familyOf);
  if (attachment.wiring?.link?.kind === 'Macvlan') return macvlanResult(attachment, attachment.wiring.link.networks);
  return {
    interfaces: [{ name: attachment.hostInterface }, { name: attachment.ifname, sandbox: attachment.netns }],
    ips: attachment.addresses.map((address) => ({
      interface: 1,
      address: hostCidr(address),
      gateway: POD_GATEWAYS[familyOf(address)],
    })),
    routes: families.map((family) => ({ dst: EVERYWHERE[family], gw: POD_GATEWAYS[family] })),
    dns: {},
  };
}

/** Of a link that has no end on the node. */
function macvlanResult(
  {
    ifname,
    netns,
    addresses,
  }: { readonly ifname: string; readonly netns: string; readonly addresses: readonly string[] },
  networks: readonly { readonly cidr: string; readonly gateway?: string }[],
): object {
  const own = networks.filter(({ cidr }) => addresses.map(familyOf).includes(familyOf(cidr)));
  return {
    interfaces: [{ name: ifname, sandbox: netns }],
    ips: addresses.map((address) => ({ interface: 0, address: hostCidr(address) })),
    routes: own.flatMap(({ cidr, gateway }) => [
      { dst: cidr },
      ...(gateway === undefined ? [] : [{ dst: EVERYWHERE[familyOf(gateway)], gw: gateway }]),
    ]),
    dns: {},
  };
}
