import { type Family, familyOf } from '../../lib/ip.ts';
import { BGP_ROUTE_METRIC, POD_INTERFACE_PREFIX, ROUTE_PROTOCOL, VXLAN_INTERFACE } from '../../model/node/names.ts';
import type { BgpIr, BgpRouteIr, BgpSessionIr } from '../../model/node/ir.ts';

/** Machines' own routes, DHCP's and people's, go before what peers say (100), and after the node's links (240). */
const LEARNED_PREFERENCE = 150;
/** More waits for a peer than this are left out: BIRD takes the hold time of 240 s else. */
const HOLD_SECONDS = 90;

/** The name that BIRD has for a session: the same while its peer's address is, so that a reload keeps it. */
export function protocolName(address: string): string {
  return `peer_${address.replaceAll(/[.:]/g, '_')}`;
}

/** BIRD 2's configuration, with passwords in plain. Equal resources have equal text. */
export function renderBirdConfig(bgp: BgpIr): string {
  const restart = bgp.gracefulRestartSeconds;
  return [
    '# Written by the agent of Weft; what is changed here is lost.',
    'log stderr { warning, error, auth, fatal, bug };',
    `router id ${bgp.routerId};`,
    'timeformat protocol "%s";',
    ...(restart === 0 ? [] : [`graceful restart wait ${restart};`]),
    'protocol device links {}',
    `protocol direct subnets { ipv4; ipv6; interface -"${POD_INTERFACE_PREFIX}*", -"${VXLAN_INTERFACE}", "*"; }`,
    ...([4, 6] as const).flatMap((family) => [
      ...kernel(family, restart > 0),
      ...announced(family, bgp.announced),
      ...imports(family, bgp),
      ...exports(family, bgp),
    ]),
    'template bgp session {',
    '  strict bind on;',
    `  hold time ${HOLD_SECONDS};`,
    ...(restart === 0
      ? ['  graceful restart aware;']
      : ['  graceful restart on;', `  graceful restart time ${restart};`]),
    '}',
    ...bgp.sessions.flatMap((session) => sessionOf(session, bgp)),
    '',
  ].join('\n');
}

/** Main table and back: what peers say goes in, what others have put there says how to reach gateways. */
function kernel(family: Family, isRestartable: boolean): readonly string[] {
  return [
    `protocol kernel kernel${family} {`,
    `  metric ${BGP_ROUTE_METRIC};`,
    '  learn;',
    ...(isRestartable ? ['  graceful restart;'] : []),
    `  ipv${family} {`,
    `    preference ${LEARNED_PREFERENCE};`,
    `    import where krt_source != ${ROUTE_PROTOCOL};`,
    '    export where source = RTS_BGP;',
    '  };',
    '}',
  ];
}

function announced(family: Family, routes: readonly BgpRouteIr[]): readonly string[] {
  const own = routes.filter(({ cidr }) => familyOf(cidr) === family);
  return [
    `protocol static announced${family} {`,
    `  ipv${family};`,
    ...own.map(({ cidr, communities }) => {
      const marks = communities.map((value) => ` ${communityText(value)}`).join('');
      return `  route ${cidr} blackhole${marks === '' ? '' : ` {${marks} }`};`;
    }),
    '}',
  ];
}

function communityText(value: string): string {
  const parts = value.split(':');
  return `bgp_${parts.length === 2 ? '' : 'large_'}community.add((${parts.join(', ')}));`;
}

function imports(family: Family, { own, podCidrs }: BgpIr): readonly string[] {
  const single = family === 4 ? 32 : 128;
  const set = (cidrs: readonly string[]) =>
    cidrs
      .filter((cidr) => familyOf(cidr) === family)
      .map((cidr) => `${cidr}+`)
      .join(', ');
  const [owned, pods] = [set(own), set(podCidrs)];
  return [
    `filter import${family} {`,
    ...(owned === '' ? [] : [`  if net ~ [ ${owned} ] then reject;`]),
    ...(pods === '' ? [] : [`  if net.len = ${single} && net ~ [ ${pods} ] then reject;`]),
    '  accept;',
    '}',
  ];
}

function exports(family: Family, { clusterId }: BgpIr): readonly string[] {
  return [
    `filter export${family} {`,
    `  if proto = "announced${family}" then accept;`,
    ...(clusterId === undefined ? [] : ['  if source = RTS_BGP then accept;']),
    '  reject;',
    '}',
  ];
}

function sessionOf(session: BgpSessionIr, { asNumber, listenPort, clusterId }: BgpIr): readonly string[] {
  const { address, port, localAddress, hops, isClient, password } = session;
  const family = familyOf(address);
  return [
    `protocol bgp ${protocolName(address)} from session {`,
    `  local ${localAddress} port ${listenPort} as ${asNumber};`,
    `  neighbor ${address} port ${port} as ${session.asNumber};`,
    hops === 1 ? '  direct;' : `  multihop ${hops};`,
    ...(password === undefined ? [] : [`  password "${password}";`]),
    ...(clusterId === undefined || asNumber !== session.asNumber ? [] : [`  rr cluster id ${clusterId};`]),
    ...(isClient ? ['  rr client;'] : []),
    `  ipv${family} {`,
    `    import filter import${family};`,
    `    export filter export${family};`,
    '    next hop self ebgp;',
    '  };',
    '}',
  ];
}
