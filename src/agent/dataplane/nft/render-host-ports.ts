import { type Family, familyOf } from '../../../lib/ip.ts';
import type { HostPortIr } from '../../../model/node/ir.ts';
import { POD_INTERFACE_PREFIX } from '../../../model/node/names.ts';
import type { NftLine } from './libnftables.ts';

export const HOST_PORT_TABLE = 'weft_host_ports';

/** One pod's ports of the node. */
export interface HostPortBinding {
  readonly hostInterface: string;
  /** The pod's, one of each family. */
  readonly addresses: readonly string[];
  readonly ports: readonly HostPortIr[];
}

const FAMILIES: readonly Family[] = [4, 6];

/**
 * The table `inet weft_host_ports`, replacing whatever there is; without bindings there is none. It translates before
 * Services and policy do: what reaches the pod is judged as the pod's own port.
 *
 * - `at4`: by address and port of the node; `any4`: by port, at every address that is the node's, loopback too.
 * - `loopback`: as translated packets of the node's own to 127.0.0.1 must find back, pods' links take that address
 *   (route_localnet); no pod may dial it there.
 * - `source_nat`: who dials itself, and who called from 127.0.0.1, must look like the node.
 */
export function renderHostPorts(bindings: readonly HostPortBinding[]): NftLine[] {
  const table = `inet ${HOST_PORT_TABLE}`;
  const gone = [`add table ${table}`, `delete table ${table}`];
  if (bindings.length === 0) return lines(gone);
  const chains: Readonly<Record<string, readonly string[]>> = {
    'loopback { type filter hook prerouting priority raw; policy accept; }': [
      `iifname "${POD_INTERFACE_PREFIX}*" ip daddr 127.0.0.0/8 drop`,
    ],
    'prerouting { type nat hook prerouting priority dstnat - 1; policy accept; }': ['jump host_ports'],
    'output { type nat hook output priority -101; policy accept; }': ['jump host_ports'],
    host_ports: FAMILIES.flatMap((family) => [
      `meta l4proto { 6, 17, 132 } dnat ${ip(family)} to ${ip(family)} daddr . meta l4proto . th dport map @at${family}`,
      `meta nfproto ${family === 4 ? 'ipv4' : 'ipv6'} fib daddr type local meta l4proto { 6, 17, 132 } dnat ${ip(family)} to meta l4proto . th dport map @any${family}`,
    ]),
    'source_nat { type nat hook postrouting priority srcnat; policy accept; }': [
      'ct status dnat ip saddr . ip daddr @hairpin4 masquerade',
      'ct status dnat ip6 saddr . ip6 daddr @hairpin6 masquerade',
      `ct status dnat oifname "${POD_INTERFACE_PREFIX}*" ip saddr 127.0.0.0/8 masquerade`,
    ],
  };
  return lines([
    ...gone,
    `add table ${table}`,
    ...FAMILIES.flatMap((family) => setsOf(family, bindings)),
    ...Object.keys(chains).map((chain) => `add chain ${table} ${chain}`),
    ...Object.entries(chains).flatMap(([chain, rules]) =>
      rules.map((rule) => `add rule ${table} ${chain.split(' ')[0]} ${rule}`),
    ),
  ]);
}

function setsOf(family: Family, bindings: readonly HostPortBinding[]): string[] {
  const type = family === 4 ? 'ipv4_addr' : 'ipv6_addr';
  const own = bindings.flatMap(({ addresses, ports }) => {
    const address = addresses.find((candidate) => familyOf(candidate) === family);
    return address === undefined ? [] : [{ address, ports }];
  });
  const mapped = own.flatMap(({ address, ports }) =>
    ports
      .filter((port) => port.address === undefined || familyOf(port.address) === family)
      .map((port) => ({
        ...port,
        key: `${port.protocol.toLowerCase()} . ${port.hostPort}`,
        to: `${address} . ${port.port}`,
      })),
  );
  const any = mapped.filter(({ address }) => address === undefined).map(({ key, to }) => `${key} : ${to}`);
  const at = mapped.flatMap(({ address, key, to }) => (address === undefined ? [] : [`${address} . ${key} : ${to}`]));
  const hairpin = own.map(({ address }) => `${address} . ${address}`);
  const elements = (of: readonly string[]) => (of.length === 0 ? '' : ` elements = { ${of.join(', ')} };`);
  const table = `inet ${HOST_PORT_TABLE}`;
  return [
    `add map ${table} any${family} { type inet_proto . inet_service : ${type} . inet_service;${elements(any)} }`,
    `add map ${table} at${family} { type ${type} . inet_proto . inet_service : ${type} . inet_service;${elements(at)} }`,
    `add set ${table} hairpin${family} { type ${type} . ${type};${elements(hairpin)} }`,
  ];
}

function ip(family: Family): 'ip' | 'ip6' {
  return family === 4 ? 'ip' : 'ip6';
}

function lines(texts: readonly string[]): NftLine[] {
  return texts.map((text) => ({ text }));
}
