import { familyOf, hostCidr } from '../../lib/ip.ts';
import { POD_GATEWAYS } from '../dataplane/pod-addressing.ts';

const EVERYWHERE = { 4: '0.0.0.0/0', 6: '::/0' } as const;

/** The result of ADD: specification 1.0.0, section "Success"; the server adds `cniVersion`. */
export function encodeAddResult(attachment: {
  readonly hostInterface: string;
  readonly ifname: string;
  readonly netns: string;
  readonly addresses: readonly string[];
}): object {
  const families = attachment.addresses.map(familyOf);
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
