/** What a pod's default route points at: a link-local address that no pod and no host has; a permanent neighbour entry answers for it. */
const GATEWAY = '169.254.1.1';

/** The result of ADD: specification 1.0.0, section "Success"; the server adds `cniVersion`. */
export function encodeAddResult(attachment: {
  readonly hostInterface: string;
  readonly ifname: string;
  readonly netns: string;
  readonly address: string;
}): object {
  return {
    interfaces: [{ name: attachment.hostInterface }, { name: attachment.ifname, sandbox: attachment.netns }],
    ips: [{ interface: 1, address: `${attachment.address}/32`, gateway: GATEWAY }],
    routes: [{ dst: '0.0.0.0/0', gw: GATEWAY }],
    dns: {},
  };
}
