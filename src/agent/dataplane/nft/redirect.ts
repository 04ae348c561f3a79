import { type Family, familyOf, parseIp } from '../../../lib/ip.ts';
import { inNetns } from '../netns.ts';
import { NftContext } from './libnftables.ts';
import { NftError } from './nft-error.ts';

export interface Redirect {
  readonly proxyUid: number;
  /** Where the proxy takes what comes in, on all addresses: 15006 by custom. */
  readonly inboundPort: number;
  /** Where the proxy takes what the applications send, on loopback at least: 15001 by custom. */
  readonly outboundPort: number;
  /** Addresses the node has: only their traffic to `probePorts` passes the proxy by. */
  readonly hostAddresses: readonly string[];
  readonly probePorts: readonly number[];
  /** Ports that are the proxy's own, such as 15020, 15021 and 15090. */
  readonly excludedInboundPorts: readonly number[];
  /** Where the proxy is administered, and what packets carry that may go there. */
  readonly administration: { readonly port: number; readonly mark: number };
}

/**
 * The table `inet weft_mesh` of a pod's own namespace, as text for one transaction that replaces an earlier one.
 *
 * - Out: TCP goes to the proxy, except the proxy's own (by uid) and what stays on 127.0.0.0/8 or ::1. An application that
 *   dials its own pod address goes through the proxy, like any other client.
 * - In: TCP goes to the proxy, except to its own ports and from the node to declared probes. Nobody reaches the two
 *   capturing ports themselves: a proxy would take its own port for the application's and dial itself in a circle.
 *   What the proxy sends over loopback met the output chain first, and conntrack asks only once.
 * - Within: the proxy's administration refuses whoever cannot mark packets.
 *
 * @throws NftError `BadName` for what is no port, uid or address.
 */
export function renderRedirect(redirect: Redirect): string {
  const { proxyUid, inboundPort, outboundPort } = checkedRedirect(redirect);
  const excluded = portSet(redirect.excludedInboundPorts);
  const probes = portSet(redirect.probePorts);
  const hosts = (family: Family) =>
    [...new Set(redirect.hostAddresses)]
      .filter((address) => familyOf(address) === family)
      .sort()
      .join(', ');
  const exempt = (family: Family) =>
    probes === '' || hosts(family) === ''
      ? []
      : [`${family === 4 ? 'ip' : 'ip6'} saddr { ${hosts(family)} } tcp dport { ${probes} } accept`];
  const inbound = [
    `tcp dport { ${inboundPort}, ${outboundPort} } drop`,
    ...(excluded === '' ? [] : [`tcp dport { ${excluded} } accept`]),
    ...exempt(4),
    ...exempt(6),
    `meta l4proto tcp redirect to :${inboundPort}`,
  ];
  const outbound = [
    `meta skuid ${proxyUid} accept`,
    'ip daddr 127.0.0.0/8 accept',
    'ip6 daddr ::1 accept',
    `meta l4proto tcp redirect to :${outboundPort}`,
  ];
  const { port, mark } = redirect.administration;
  const within = [`fib daddr type local tcp dport ${port} meta mark != ${mark} reject with tcp reset`];
  const rules = (chain: string, of: readonly string[]) => of.map((rule) => `add rule inet weft_mesh ${chain} ${rule}`);
  return [
    'add table inet weft_mesh',
    'add chain inet weft_mesh inbound { type nat hook prerouting priority dstnat; policy accept; }',
    // NF_IP_PRI_NAT_DST; nft knows its name on the prerouting hook only.
    'add chain inet weft_mesh outbound { type nat hook output priority -100; policy accept; }',
    'add chain inet weft_mesh within { type filter hook output priority filter; policy accept; }',
    // Not the table is replaced but its rules: whoever deletes a table waits for the kernel to take it apart.
    'flush chain inet weft_mesh inbound',
    'flush chain inet weft_mesh outbound',
    'flush chain inet weft_mesh within',
    ...rules('inbound', inbound),
    ...rules('outbound', outbound),
    ...rules('within', within),
    '',
  ].join('\n');
}

/**
 * Runs `text`, one transaction, inside of the network namespace at `netnsPath`. Blocks, for a millisecond.
 * @throws NetnsError, NftError.
 */
export function applyNftInNetns(netnsPath: string, text: string): void {
  inNetns(netnsPath, () => {
    const context = new NftContext();
    try {
      context.run([{ text }]);
    } finally {
      context.close();
    }
  });
}

function checkedRedirect(redirect: Redirect): Redirect {
  const { proxyUid, inboundPort, outboundPort, probePorts, excludedInboundPorts, hostAddresses, administration } =
    redirect;
  const refuse = (what: string) => {
    throw new NftError('BadName', `cannot redirect a pod's traffic: ${what}`);
  };
  for (const port of [inboundPort, outboundPort, ...probePorts, ...excludedInboundPorts, administration.port]) {
    if (!Number.isInteger(port) || port < 1 || port > 65_535) refuse(`${port} is no port`);
  }
  // 2^32 - 1 means "no uid" to the kernel.
  if (!Number.isInteger(proxyUid) || proxyUid < 0 || proxyUid >= 2 ** 32 - 1) refuse(`${proxyUid} is no uid`);
  for (const address of hostAddresses) if (parseIp(address) === undefined) refuse(`'${address}' is no IP address`);
  return redirect;
}

function portSet(ports: readonly number[]): string {
  return [...new Set(ports)].sort((a, b) => a - b).join(', ');
}
