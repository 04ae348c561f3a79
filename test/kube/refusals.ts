import { replaced } from './rules.ts';
import { GOOD, GOOD_IPV6, OTHER_FORMS } from './good.ts';

/** A mistake that people make, and what they are told. */
export interface Refusal {
  readonly mistake: string;
  readonly object: object;
  /** As the API server writes it. */
  readonly field: string;
  /** The CRD's own message, or the pattern that the API server shows. */
  readonly says: string;
}

type Steps = readonly (string | number)[];

function good(kind: string): object {
  const found = GOOD[kind];
  if (found === undefined) throw new Error(`no good ${kind}`);
  return found;
}

/** Each of `values` in the same place of a good object. */
function wrong(object: object, at: Steps, field: string, says: string, values: readonly unknown[]): Refusal[] {
  return values.map((value) => ({
    mistake: `${field} ${JSON.stringify(value)?.slice(0, 70) ?? 'left out'}`,
    object: replaced(object, at, value),
    field,
    says,
  }));
}

/** No range, host bits, too long a prefix, a leading zero, IPv4 in IPv6, a zone, something else in front or behind. */
const NO_RANGES = [
  '',
  'all',
  '10.0.0.0',
  '10.0.0.1/24',
  '10.0.0.0/33',
  '10.0.0.0/024',
  '010.0.0.0/8',
  '10.0.0/24',
  'fd00:10:244::',
  'fd00:10:244::1/64',
  'fd00:10:244::/129',
  'fd00:10:244:/48',
  'fd00::10::/64',
  '::ffff:10.0.0.0/120',
  'fe80::%eth0/64',
  ' 10.0.0.0/24',
  '10.0.0.0/24,10.1.0.0/24',
];

/** Ranges that have a shorter name: one that is compared or named by its text has one text. */
const LONG_WRITTEN = ['FD00:10:244::/64', 'fd00:010:244::/64', 'fd00:10:244:0::/64', 'fd00:10:244:0:0:0:0:0/64'];

const POOL_CIDR =
  'spec.cidr must be a prefix without host bits in its shortest form, for example 10.244.0.0/16 or fd00:10:244::/64';
const BLOCK_CIDR = 'spec.cidr must be a prefix without host bits in its shortest form, for example 10.244.0.0/26';
const RESERVED_CIDR = 'spec.reserved must have prefixes without host bits, for example 10.244.0.0/28';
const RESERVED_WITHIN = 'each of spec.reserved must be a range within spec.cidr';
const NAT_CIDR = 'spec.natOutgoingExcept must have prefixes without host bits, for example 192.168.0.0/16';
const NAT_FAMILY = 'each of spec.natOutgoingExcept must be of the family of spec.cidr';
const NAT_NOTHING =
  'spec.natOutgoingExcept must be absent where spec.natOutgoing is false, as nothing is translated then';
const NAT_EXCEPT_CIDR = 'spec.natOutgoingExcept must have prefixes without host bits, for example 192.168.0.0/16';
const NAT_EXCEPT_FAMILY = 'each of spec.natOutgoingExcept must be of the family of spec.cidr';
const MACVLAN_ONLY = 'spec.macvlan must be absent where spec.podNetwork is not Macvlan';
const MACVLAN_FAMILY = 'spec.macvlan.gateway must be of the family of spec.cidr';
const MACVLAN_GATEWAY = 'spec.macvlan.gateway must be an IP address, for example 192.168.10.1';
const BLOCK_SIZE = 'spec.blockSize must be 20 to 30 for IPv4, 116 to 126 for IPv6';
const BLOCK_NAME = "metadata.name must be spec.cidr with '.', ':' and '/' replaced by '-', for example 10-244-0-0-26";
const MANUAL =
  'spec.namespaceSelector must be absent where spec.assignment is Manual, as only annotations choose such a pool';
const POOL_VALUES = 'values must be given for In and NotIn, and only for these';
const BGP_NAME = 'metadata.name must be default: there is one BGPConfiguration';
const BGP_REFLECTORS = 'spec.reflectors must be absent where spec.nodeMesh is false, as there is nothing to reflect';
const BGP_CLUSTER = 'spec.reflectors.clusterID must be written as an IPv4 address, for example 10.0.0.1';
const BGP_COMMUNITY =
  'value must be two numbers up to 65535, for example 64512:100, or three up to 4294967295, for example 64512:1:2';
const BGP_RANGE =
  'each range must be a prefix without host bits in its shortest form, for example 10.96.0.0/12 or fd00:10:96::/112';
const BGP_ADDRESS =
  'spec.peerAddress must be a unicast address in its shortest form, and not a link-local one, for example 192.0.2.254 or 2001:db8::fe';
const BGP_FORM = 'spec must have either peerAddress, of a router, or peerSelector, of other nodes';
const BGP_AS = "spec.asNumber must be given with peerAddress, and only then, as nodes know each other's";
const BGP_PORT =
  'spec.port must be absent with peerSelector, as nodes listen at spec.listenPort of the BGPConfiguration';
const BGP_HOPS =
  'spec.ebgpMultihop must be absent with peerSelector, as nodes may be any number of hops from each other';
const BGP_SECRET = "should match '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$'";
const BGP_KEY = "should match '^[-._A-Za-z0-9]+$'";
const PEER_CIDR = 'ipBlock.cidr must be a prefix without host bits, for example 192.0.2.0/24 or 2001:db8::/32';
const EXCEPT_CIDR = 'each of ipBlock.except must be a prefix without host bits, for example 192.0.2.128/25';
const EXCEPT_WITHIN = 'each of ipBlock.except must be a range within ipBlock.cidr';
const PEER_FORM =
  'a peer must have either ipBlock, or service, or podSelector, namespaceSelector and serviceAccount (one or more of them)';
const PORT_RANGE = 'endPort must have a port beside it that is not greater';
const PORT_KIND = 'port is for TCP, UDP and SCTP, icmp for the protocols ICMP and ICMPv6';
const LIMITS_ON_TRIAL = 'spec.connections must be absent where spec.mode is Audit, as limits are not on trial';
const RATE_ON_TRIAL = 'spec.bandwidth must be absent where spec.mode is Audit, as limits are not on trial';
const RATE = 'must be a quantity of bits a second from 1k to 9999G, for example 500k, 10M or 2.5G';
const HTTP_ACTION = 'a rule with http must have the action Allow or Deny';
const HTTP_PORTS = 'ports of a rule with http must be of the protocol TCP';
const HTTP_ON_TRIAL = 'rules with http must be absent where spec.mode is Audit, as proxies try nothing';
const HTTP_PATH = 'a path must have either exact or prefix';
const HASH_POLICY = 'hash must be there with policy RingHash or Maglev, and only then';
const HASH_NAME = 'name must be there, unless by is SourceAddress';
const HASH_COOKIE = 'cookieTtlSeconds must be absent unless by is Cookie';
const SLOW_START = 'slowStartSeconds must be absent unless policy is RoundRobin or LeastRequest';
const LIMIT_FORM = 'a limit must have max or newPerSecond';
const VALUES = 'values must not be empty for In and NotIn, and must be left out for Exists and DoesNotExist';
const LABEL = "should match '^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$'";
const DNS_LABEL = "should match '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$'";
const DNS_NAME = "should match '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$'";

const pool = good('IPPool');
const pool6 = GOOD_IPV6.IPPool;
const block = good('IPBlock');
const block6 = GOOD_IPV6.IPBlock;
const policy = good('NetworkPolicy');
const ranges = { ...policy, spec: OTHER_FORMS['NetworkPolicy']?.[0] };
const judging = { ...policy, spec: OTHER_FORMS['NetworkPolicy']?.[2] };
const mesh = good('MeshService');
const listed = { ...mesh, spec: OTHER_FORMS['MeshService']?.[2] };
const ONE_SOURCE = 'source must have exactly one of service, static, dns, eureka and consul';
const NAME_FORM = "should match '^([a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?\\.)*[a-z]([-a-z0-9]{0,61}[a-z0-9])?$'";
const NO_SUBSETS = 'subsets must be absent with source.dns, as addresses in the DNS have no labels';
const ADDRESS_FORM =
  'address must be the IP address of a machine, for example 192.0.2.7, and not loopback, link-local or multicast';
const HOST_FORM = "should match '^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\\.)*[a-z]([-a-z0-9]{0,61}[a-z0-9])?$'";
const TARGET_PORT = 'ports must not have targetPort with source.service, as the Service has it';
const ENDPOINT_PORT = 'endpoints must not have port where ports has more than one entry; give the ports targetPort';
const EUREKA = { application: 'CATALOG', serviceUrls: ['http://eureka.example.com:8761/eureka'] };
const registered = { ...mesh, spec: { source: { eureka: EUREKA }, ports: [{ port: 80, protocol: 'HTTP' }] } };
const CONSUL = { service: 'catalog', address: 'http://consul.example.com:8500' };
const inConsul = { ...mesh, spec: { source: { consul: CONSUL }, ports: [{ port: 80, protocol: 'HTTP' }] } };
const AGENT_FORM = "should match '^https?://[^\\s/?#@]+/?$'";
const PEM_FORM = "should match '^-----BEGIN CERTIFICATE-----'";
const SERVER_FORM = "should match '^https?://[^\\s/?#@]+(/[^\\s?#@]*)?$'";
const ONE_PORT = 'ports must have targetPort where there is more than one, as instances are registered with one';
const OWN_PROXIES =
  'tls.mode Strict, tls of ports, rateLimit and telemetry must be absent unless source is service, as they are kept by the proxies of its pods';
const split = good('TrafficSplit');
const bgp = good('BGPConfiguration');
const bgpPeer = good('BGPPeer');
const bgpNodes = { ...bgpPeer, spec: OTHER_FORMS['BGPPeer']?.[0] };

/** The rules that take more than one number to write: CEL and patterns. By kind. */
export const REFUSALS: Readonly<Record<string, readonly Refusal[]>> = {
  BGPConfiguration: [
    ...wrong(bgp, ['metadata', 'name'], '<nil>', BGP_NAME, ['other']),
    ...wrong(bgp, ['spec', 'nodeMesh'], 'spec', BGP_REFLECTORS, [false]),
    ...wrong(bgp, ['spec', 'reflectors', 'clusterID'], 'spec.reflectors.clusterID', BGP_CLUSTER, [
      '10.0.0.256',
      '2001:db8::1',
      '10.0.0.0/8',
    ]),
    ...selector(bgp, ['spec', 'reflectors', 'nodeSelector'], 'spec.reflectors.nodeSelector', POOL_VALUES),
    ...selector(bgp, ['spec', 'advertise', 'pools'], 'spec.advertise.pools', POOL_VALUES),
    ...wrong(bgp, ['spec', 'communities', 0, 'value'], 'spec.communities[0].value', BGP_COMMUNITY, [
      '64512',
      '64512:',
      '65536:1',
      '1:65536',
      '1:2:4294967296',
      '1:2:3:4',
      'no-export',
      '-1:100',
    ]),
    ...wrong(bgp, ['spec', 'communities', 0, 'cidrs', 0], 'spec.communities[0].cidrs[0]', BGP_RANGE, LONG_WRITTEN),
    ...['clusterIPs', 'externalIPs', 'loadBalancerIPs'].flatMap((name) =>
      wrong(bgp, ['spec', 'advertise', name, 0], `spec.advertise.${name}[0]`, BGP_RANGE, [
        ...NO_RANGES.filter((text) => text !== ''),
        ...LONG_WRITTEN,
      ]),
    ),
  ],
  BGPPeer: [
    ...wrong(bgpPeer, ['spec', 'peerAddress'], 'spec.peerAddress', BGP_ADDRESS, [
      '192.0.2.0/24',
      '192.0.2.256',
      '2001:DB8::1',
      '2001:db8:0::1',
      'fe80::1',
      '224.0.0.1',
      '127.0.0.1',
      '::',
      'router',
    ]),
    ...wrong(bgpPeer, ['spec', 'peerAddress'], 'spec', BGP_FORM, [undefined]),
    ...wrong(bgpNodes, ['spec', 'peerAddress'], 'spec', BGP_FORM, ['192.0.2.1']),
    ...wrong(bgpPeer, ['spec', 'asNumber'], 'spec', BGP_AS, [undefined]),
    ...wrong(bgpNodes, ['spec', 'asNumber'], 'spec', BGP_AS, [65_001]),
    ...wrong(bgpNodes, ['spec', 'port'], 'spec', BGP_PORT, [179]),
    ...wrong(bgpNodes, ['spec', 'ebgpMultihop'], 'spec', BGP_HOPS, [2]),
    ...selector(bgpPeer, ['spec', 'nodeSelector'], 'spec.nodeSelector', POOL_VALUES),
    ...selector(bgpNodes, ['spec', 'peerSelector'], 'spec.peerSelector', POOL_VALUES),
    ...wrong(bgpPeer, ['spec', 'passwordSecret', 'name'], 'spec.passwordSecret.name', BGP_SECRET, ['Bgp', 'a/b', '-a']),
    ...wrong(bgpPeer, ['spec', 'passwordSecret', 'key'], 'spec.passwordSecret.key', BGP_KEY, ['a b', 'a/b']),
  ],
  IPPool: [
    ...wrong(pool, ['spec', 'cidr'], 'spec.cidr', POOL_CIDR, [...NO_RANGES, ...LONG_WRITTEN]),
    ...wrong(pool, ['spec', 'cidr'], 'spec.cidr', 'spec.cidr must be /8 or longer, for example 10.0.0.0/8', [
      '10.0.0.0/7',
      '0.0.0.0/0',
      'fc00::/7',
    ]),
    ...wrong(
      pool,
      ['spec', 'cidr'],
      'spec',
      'spec.blockSize must not be less than the prefix length of spec.cidr, or no block fits into the pool',
      ['10.0.0.0/27', '10.0.0.1/32'],
    ),
    ...wrong(pool, ['spec', 'blockSize'], 'spec', BLOCK_SIZE, [31, 115, 122]),
    ...wrong(pool6, ['spec', 'blockSize'], 'spec', BLOCK_SIZE, [26, 64, 115]),
    ...wrong(pool, ['spec', 'reserved', 0], 'spec.reserved[0]', RESERVED_CIDR, [...NO_RANGES, ...LONG_WRITTEN]),
    ...wrong(pool, ['spec', 'reserved'], 'spec', RESERVED_WITHIN, [
      ['10.245.0.0/28'],
      ['10.244.0.0/28', '10.0.0.0/8'],
      ['fd00:10:244::/120'],
    ]),
    ...wrong(pool6, ['spec', 'reserved'], 'spec', RESERVED_WITHIN, [
      ['fd00:10:245::/120'],
      ['fd00:10:244::/56'],
      ['10.244.0.0/28'],
    ]),
    ...wrong(pool, ['spec', 'natOutgoingExcept', 0], 'spec.natOutgoingExcept[0]', NAT_CIDR, [
      ...NO_RANGES,
      ...LONG_WRITTEN,
    ]),
    ...wrong(pool, ['spec', 'natOutgoingExcept'], 'spec', NAT_FAMILY, [['fd00::/8'], ['192.168.0.0/16', '::/0']]),
    ...wrong(pool, ['spec', 'natOutgoing'], 'spec', NAT_NOTHING, [false]),
    ...wrong(pool, ['spec', 'natOutgoingExcept', 0], 'spec.natOutgoingExcept[0]', NAT_EXCEPT_CIDR, [
      ...NO_RANGES,
      ...LONG_WRITTEN,
    ]),
    ...wrong(pool, ['spec', 'natOutgoingExcept'], 'spec', NAT_EXCEPT_FAMILY, [
      ['2001:db8::/32'],
      ['10.0.0.0/8', '::/0'],
    ]),
    ...wrong(pool6, ['spec', 'natOutgoingExcept'], 'spec', NAT_EXCEPT_FAMILY, [['10.0.0.0/8']]),
    ...wrong(pool, ['spec', 'podNetwork'], 'spec', MACVLAN_ONLY, ['Routed', 'Bridge', undefined]),
    ...wrong(pool, ['spec', 'macvlan', 'gateway'], 'spec', MACVLAN_FAMILY, ['fd00::1']),
    ...wrong(pool, ['spec', 'macvlan', 'gateway'], 'spec.macvlan.gateway', MACVLAN_GATEWAY, [
      '10.0.0',
      '10.0.0.1/24',
      'gw',
    ]),
    ...wrong(pool, ['spec', 'macvlan', 'parent'], 'spec.macvlan.parent', "should match '^[^/:\\s]+$'", [
      'a b',
      'a/b',
      'a:b',
    ]),
    ...wrong(pool, ['spec', 'assignment'], 'spec', MANUAL, ['Manual']),
    ...['nodeSelector', 'namespaceSelector'].flatMap((name) =>
      selector(pool, ['spec', name], `spec.${name}`, POOL_VALUES),
    ),
  ],
  IPBlock: [
    ...wrong(block, ['spec', 'cidr'], 'spec.cidr', BLOCK_CIDR, [...NO_RANGES, ...LONG_WRITTEN]),
    ...wrong(block, ['metadata', 'name'], '<nil>', BLOCK_NAME, ['10-244-0-64-27', 'block', '10.244.0.64-26']),
    ...wrong(block6, ['metadata', 'name'], '<nil>', BLOCK_NAME, ['fd00-10-244-40-122', 'fd00-10-244--40']),
  ],
  NetworkPolicy: [
    {
      mistake: 'neither ingress nor egress',
      object: { ...policy, spec: { podSelector: {} } },
      field: 'spec',
      says: 'spec must have ingress, egress, connections or bandwidth; to deny all traffic to the pods, write ingress: []',
    },
    ...(['ingress', 'egress'] as const).flatMap((direction) => {
      const peers = direction === 'ingress' ? 'from' : 'to';
      const peer: Steps = ['spec', direction, 0, peers, 0];
      const at = `spec.${direction}[0].${peers}[0]`;
      const outside = { cidr: '192.0.2.0/24' };
      return [
        ...wrong(policy, peer, at, PEER_FORM, [{}, { ipBlock: outside, podSelector: {} }]),
        ...wrong(policy, peer, at, PEER_FORM, [
          { ipBlock: outside, namespaceSelector: {} },
          { ipBlock: outside, service: { name: 'web' } },
          { service: { name: 'web' }, serviceAccount: { name: 'web' } },
        ]),
        ...wrong(policy, peer, `${at}.service.name`, DNS_NAME, [{ service: { name: 'Web' } }]),
        ...wrong(policy, peer, `${at}.service.namespace`, DNS_LABEL, [{ service: { name: 'web', namespace: 'a.b' } }]),
        ...wrong(policy, peer, `${at}.serviceAccount.name`, DNS_NAME, [{ serviceAccount: { name: 'a b' } }]),
        ...wrong(policy, ['spec', direction, 0, 'ports', 0], `spec.${direction}[0].ports[0]`, PORT_KIND, [
          { protocol: 'ICMP', port: 8 },
          { protocol: 'TCP', icmp: { type: 8 } },
          { icmp: { type: 8 } },
        ]),
        ...wrong(ranges, [...peer, 'ipBlock', 'cidr'], `${at}.ipBlock.cidr`, PEER_CIDR, NO_RANGES),
        ...wrong(ranges, [...peer, 'ipBlock', 'except', 0], `${at}.ipBlock.except[0]`, EXCEPT_CIDR, NO_RANGES),
        ...wrong(ranges, [...peer, 'ipBlock', 'except'], `${at}.ipBlock`, EXCEPT_WITHIN, [
          ['192.0.3.0/25'],
          ['192.0.2.0/25', '192.0.0.0/22'],
          ['2001:db8::/32'],
        ]),
        ...wrong(policy, ['spec', direction, 0, 'ports', 0], `spec.${direction}[0].ports[0]`, PORT_RANGE, [
          { endPort: 80 },
          { port: 80, endPort: 79 },
        ]),
        ...['podSelector', 'namespaceSelector'].flatMap((name) => policySelector([...peer, name], `${at}.${name}`)),
      ];
    }),
    ...policySelector(['spec', 'podSelector'], 'spec.podSelector'),
    ...wrong(policy, ['spec', 'mode'], 'spec', LIMITS_ON_TRIAL, ['Audit']),
    ...wrong(policy, ['spec', 'mode'], 'spec', RATE_ON_TRIAL, ['Audit']),
    ...wrong(judging, ['spec', 'mode'], 'spec', HTTP_ON_TRIAL, ['Audit']),
    ...wrong(judging, ['spec', 'ingress', 0, 'action'], 'spec.ingress[0]', HTTP_ACTION, ['Reject', 'Pass', 'Log']),
    ...wrong(judging, ['spec', 'ingress', 0, 'ports', 0, 'protocol'], 'spec.ingress[0]', HTTP_PORTS, ['UDP', 'SCTP']),
    ...wrong(judging, ['spec', 'ingress', 0, 'http', 0, 'paths', 0], 'spec.ingress[0].http[0].paths[0]', HTTP_PATH, [
      {},
      { exact: '/a', prefix: '/a' },
    ]),
    ...wrong(policy, ['spec', 'bandwidth'], 'spec.bandwidth', 'bandwidth must have ingress or egress', [{}]),
    ...(['ingress', 'egress'] as const).flatMap((direction) =>
      wrong(policy, ['spec', 'bandwidth', direction], `spec.bandwidth.${direction}`, RATE, [
        '10',
        '0k',
        '10Mi',
        'fast',
      ]),
    ),
    ...wrong(policy, ['spec', 'connections'], 'spec.connections', 'connections must have ingress or egress', [{}]),
    ...wrong(policy, ['spec', 'connections', 'egress'], 'spec.connections.egress', LIMIT_FORM, [{}]),
  ],
  MeshService: [
    ...wrong(mesh, ['spec', 'source', 'service', 'name'], 'spec.source.service.name', DNS_LABEL, [
      'Web',
      'web.shop',
      '-web',
    ]),
    ...wrong(mesh, ['spec', 'source'], 'spec.source', ONE_SOURCE, [
      {},
      { service: { name: 'web' }, static: { endpoints: [{ address: '192.0.2.7' }] } },
    ]),
    ...wrong(
      listed,
      ['spec', 'source', 'static', 'endpoints', 0, 'address'],
      'spec.source.static.endpoints[0]',
      ADDRESS_FORM,
      [...['web', '192.0.2', '192.0.2.0/24', '127.0.0.1', '::1', '169.254.169.254', '224.0.0.1', '0.0.0.0', 'fe80::1']],
    ),
    ...wrong(mesh, ['spec', 'hosts', 0], 'spec.hosts[0]', HOST_FORM, [
      ...['Web.example.com', 'web.example.com.', '*.example.com', '10.96.0.1', 'a_b', '-a', 'http://web', ''],
      `${'a'.repeat(64)}.example.com`,
    ]),
    ...wrong(mesh, ['spec', 'source'], 'spec.source', ONE_SOURCE, [
      { dns: { name: 'a.example.com' }, service: { name: 'web' } },
    ]),
    ...wrong(mesh, ['spec', 'source'], 'spec.source.dns.name', NAME_FORM, [
      ...[{ dns: { name: 'db.example.com.' } }, { dns: { name: '192.0.2.7' } }, { dns: { name: 'DB.example.com' } }],
    ]),
    ...wrong(mesh, ['spec', 'source'], 'spec', NO_SUBSETS, [{ dns: { name: 'db.example.com' } }]),
    ...wrong(mesh, ['spec', 'source'], 'spec.source', ONE_SOURCE, [
      { eureka: EUREKA, service: { name: 'web' } },
      { eureka: EUREKA, dns: { name: 'db.example.com' } },
    ]),
    ...wrong(
      registered,
      ['spec', 'source', 'eureka', 'serviceUrls', 0],
      'spec.source.eureka.serviceUrls[0]',
      SERVER_FORM,
      [
        ...[
          'eureka:8761/eureka',
          'http:///eureka',
          'http://user:password@eureka/eureka',
          'http://eureka/?x',
          'ftp://eureka/',
        ],
      ],
    ),
    ...wrong(registered, ['spec', 'ports', 1], 'spec', ONE_PORT, [{ port: 81, targetPort: 8081, protocol: 'TCP' }]),
    ...wrong(registered, ['spec', 'tls'], 'spec', OWN_PROXIES, [{ mode: 'Strict' }]),
    ...wrong(mesh, ['spec', 'source'], 'spec.source', ONE_SOURCE, [{ eureka: EUREKA, consul: CONSUL }]),
    ...wrong(inConsul, ['spec', 'source', 'consul', 'address'], 'spec.source.consul.address', AGENT_FORM, [
      ...['consul:8500', 'http://token@consul:8500', 'http://consul:8500/v1', 'http://consul:8500?token=x'],
    ]),
    ...wrong(inConsul, ['spec', 'source', 'consul', 'caBundle'], 'spec.source.consul.caBundle', PEM_FORM, [
      '',
      'LS0tLS1',
    ]),
    ...wrong(inConsul, ['spec', 'ports', 1], 'spec', ONE_PORT, [{ port: 81, targetPort: 8081, protocol: 'TCP' }]),
    ...wrong(mesh, ['spec', 'ports', 0, 'targetPort'], 'spec', TARGET_PORT, [8080]),
    ...wrong(listed, ['spec', 'ports', 1], 'spec', ENDPOINT_PORT, [{ port: 81, protocol: 'TCP' }]),
    ...wrong(listed, ['spec', 'tls'], 'spec', OWN_PROXIES, [{ mode: 'Strict' }]),
    ...wrong(listed, ['spec', 'ports', 0, 'tls'], 'spec', OWN_PROXIES, [{ mode: 'Permissive' }]),
    ...wrong(listed, ['spec', 'rateLimit'], 'spec', OWN_PROXIES, [{ requestsPerSecond: 1 }]),
    ...wrong(listed, ['spec', 'telemetry'], 'spec', OWN_PROXIES, [{ accessLog: {} }]),
    ...wrong(
      ...([mesh, ['spec', 'rateLimit', 'rules', 0, 'path'], 'spec.rateLimit.rules[0].path'] as const),
      ...(['value must have neither ? nor #', [{ type: 'Exact', value: '/a?b' }]] as const),
    ),
    ...wrong(
      ...([mesh, ['spec', 'rateLimit', 'rules', 0, 'path'], 'spec.rateLimit.rules[0].path'] as const),
      ...(['value must be a regular expression of RE2', [{ type: 'Regex', value: '/(' }]] as const),
    ),
    ...wrong(mesh, ['spec', 'rateLimit'], 'spec.rateLimit', 'burst must be absent without requestsPerSecond', [
      { burst: 1, rules: [{ method: 'GET', requestsPerSecond: 1 }] },
    ]),
    ...wrong(
      ...([mesh, ['spec', 'rateLimit', 'rules', 0], 'spec.rateLimit.rules[0]'] as const),
      'a rule must have path, method or source; leave rules out to limit every call',
      [{ requestsPerSecond: 1 }],
    ),
    ...wrong(mesh, ['spec', 'loadBalancing'], 'spec.loadBalancing', HASH_POLICY, [
      { policy: 'RingHash' },
      { policy: 'Maglev' },
      { policy: 'Random', hash: { by: 'SourceAddress' } },
      { hash: { by: 'SourceAddress' } },
    ]),
    ...wrong(mesh, ['spec', 'loadBalancing'], 'spec.loadBalancing', SLOW_START, [
      { policy: 'Random', slowStartSeconds: 30 },
      { policy: 'Maglev', hash: { by: 'SourceAddress' }, slowStartSeconds: 30 },
    ]),
    ...wrong(mesh, ['spec', 'loadBalancing', 'hash'], 'spec.loadBalancing.hash', HASH_NAME, [
      { by: 'Header' },
      { by: 'SourceAddress', name: 'a' },
    ]),
    ...wrong(mesh, ['spec', 'loadBalancing', 'hash'], 'spec.loadBalancing.hash', HASH_COOKIE, [
      { by: 'Header', name: 'a', cookieTtlSeconds: 5 },
    ]),
    ...wrong(
      mesh,
      ['spec', 'healthCheck', 'timeoutMilliseconds'],
      'spec.healthCheck',
      'timeoutMilliseconds must not be over intervalMilliseconds',
      [2_001],
    ),
    ...wrong(mesh, ['spec', 'healthCheck', 'path'], 'spec.healthCheck.path', 'should match', ['healthz', '/a b']),
    ...wrong(mesh, ['spec', 'subsets', 0, 'name'], 'spec.subsets[0].name', DNS_LABEL, ['V1', 'v1.0', 'v1-']),
    ...wrong(mesh, ['spec', 'subsets', 0, 'labels', 'version'], 'spec.subsets[0].labels.version', LABEL, [
      'v 1',
      '-v1',
    ]),
    ...wrong(mesh, ['spec', 'subsets', 0, 'labels', 'version'], 'spec.subsets[0].labels.version', '63', [
      'a'.repeat(64),
    ]),
  ],
  TrafficSplit: [
    ...wrong(split, ['spec', 'service'], 'spec.service', DNS_NAME, ['Web', 'web/', '.web']),
    ...wrong(split, ['spec', 'rules', 0, 'backends', 0, 'service'], 'spec.rules[0].backends[0].service', DNS_NAME, [
      'Web',
    ]),
    ...wrong(
      split,
      ['spec', 'rules', 0, 'backends'],
      'spec.rules[0].backends',
      'at least one of backends must have a weight over 0',
      [[{ weight: 0 }], [{ weight: 0 }, { subset: 'v1', weight: 0 }]],
    ),
    ...wrong(
      split,
      ['spec', 'rules', 0, 'matches', 0],
      'spec.rules[0].matches[0]',
      'a match must have path, method, headers, cookies, query or source; leave matches out to match every call',
      [{}, { headers: [] }, { cookies: [], query: [] }],
    ),
    ...wrong(
      split,
      ['spec', 'rules', 0, 'matches', 0, 'path', 'value'],
      'spec.rules[0].matches[0].path',
      'value must have neither ? nor #',
      ['/api?x=1', '/api#top'],
    ),
    ...wrong(
      split,
      ['spec', 'rules', 0, 'matches', 0, 'path', 'value'],
      'spec.rules[0].matches[0].path.value',
      "should match '^/'",
      ['api'],
    ),
    ...wrong(
      split,
      ['spec', 'rules', 0, 'matches', 0, 'path'],
      'spec.rules[0].matches[0].path',
      'value must be a regular expression of RE2',
      [
        { type: 'Regex', value: '/v(1' },
        { type: 'Regex', value: '/(?=v1)' },
      ],
    ),
    ...wrong(
      split,
      ['spec', 'rules', 0, 'matches', 0, 'headers', 0],
      'spec.rules[0].matches[0].headers[0]',
      'value must be a regular expression of RE2',
      [{ name: 'x-a', type: 'Regex', value: '[' }],
    ),
    ...wrong(
      split,
      ['spec', 'rules', 0, 'matches', 0, 'cookies', 0],
      'spec.rules[0].matches[0].cookies[0]',
      'value must be there, unless type is Present',
      [{ name: 'a' }, { name: 'a', type: 'Present', value: 'b' }, { name: 'a', type: 'Prefix' }],
    ),
    ...wrong(
      split,
      ['spec', 'rules', 0, 'matches', 0, 'cookies', 0, 'value'],
      'spec.rules[0].matches[0].cookies[0].value',
      'should match',
      ['a;b', 'a b', '"a"'],
    ),
    ...wrong(
      split,
      ['spec', 'rules', 0],
      'spec.rules[0]',
      'a rule must have exactly one of backends, redirect and respond',
      [{}, { backends: [{}], respond: { status: 410 } }, { redirect: { host: 'a' }, respond: { status: 410 } }],
    ),
    ...wrong(
      split,
      ['spec', 'rules', 0],
      'spec.rules[0]',
      'mirrors, rewrite, retry, timeoutMilliseconds, requestHeaders and stickiness must be absent from a rule without backends',
      [
        { respond: { status: 410 }, timeoutMilliseconds: 5 },
        { redirect: { host: 'a' }, rewrite: { path: '/' } },
        { respond: { status: 410 }, stickiness: { cookie: 'a' } },
      ],
    ),
    ...wrong(
      split,
      ['spec', 'rules', 0],
      'spec.rules[0]',
      'rewrite.prefix must be absent, unless every path of matches is of type Prefix; use rewrite.path',
      ['Exact', 'Regex'].map((type) => ({
        matches: [{ path: { type, value: '/a' } }],
        rewrite: { prefix: '/b' },
        backends: [{}],
      })),
    ),
    ...wrong(
      split,
      ['spec', 'rules', 0, 'rewrite'],
      'spec.rules[0].rewrite',
      'prefix and path must not both be there',
      [{ prefix: '/a', path: '/b' }],
    ),
    ...wrong(split, ['spec', 'rules', 0, 'rewrite', 'path'], 'spec.rules[0].rewrite.path', 'should match', [
      'v2',
      '/v2?x',
      '/\\\\1',
    ]),
    ...wrong(split, ['spec', 'rules', 0], 'spec.rules[0].redirect', 'redirect must have scheme, host, port or path', [
      { redirect: {} },
      { redirect: { status: 301 } },
    ]),
    ...wrong(
      split,
      ['spec', 'rules', 0, 'requestHeaders', 'set', 0, 'value'],
      'spec.rules[0].requestHeaders.set[0].value',
      'should match',
      ['a\nb', 'a\r'],
    ),
    ...wrong(
      split,
      ['spec', 'rules', 0, 'matches', 0, 'headers', 0, 'name'],
      'spec.rules[0].matches[0].headers[0].name',
      'should match',
      ['x canary', 'x-canary:', 'x-ü'],
    ),
  ],
};

function selector(object: object, at: Steps, field: string, values = VALUES): Refusal[] {
  const label = (text: string) => `${field}.matchLabels.${text}`;
  return [
    ...wrong(object, [...at, 'matchLabels', 'app'], label('app'), LABEL, ['my web', '-web']),
    ...wrong(object, [...at, 'matchLabels', 'app'], label('app'), '63', ['a'.repeat(64)]),
    ...wrong(object, [...at, 'matchExpressions', 0], `${field}.matchExpressions[0]`, values, [
      { key: 'tier', operator: 'In' },
      { key: 'tier', operator: 'NotIn', values: [] },
      { key: 'tier', operator: 'Exists', values: ['front'] },
      { key: 'tier', operator: 'DoesNotExist', values: ['front'] },
    ]),
  ];
}

/** What `selector` refuses, and values that no label can have. */
function policySelector(at: Steps, field: string): Refusal[] {
  const value = `${field}.matchExpressions[0].values[0]`;
  return [
    ...selector(policy, at, field),
    ...wrong(policy, [...at, 'matchExpressions', 0, 'values', 0], value, LABEL, ['a b']),
  ];
}

/** Changes of a stored good object that are refused. */
export const CHANGES: Readonly<Record<string, readonly Refusal[]>> = {
  IPPool: [
    ...wrong(
      pool,
      ['spec', 'cidr'],
      'spec.cidr',
      'spec.cidr must not be changed; create a further IPPool, and set spec.disabled of this one',
      ['10.244.0.0/17', '10.245.0.0/16', 'fd00:10:244::/64'],
    ),
    ...wrong(
      pool,
      ['spec', 'blockSize'],
      'spec',
      'spec.blockSize must not be changed; create a further IPPool, and set spec.disabled of this one',
      [25, 27, undefined],
    ),
  ],
  IPBlock: [
    ['lender', 'node-3'],
    ['lender', undefined],
    ['cidr', '10.244.0.128/26'],
    ['poolName', 'other'],
    ['poolUid', 'p-2'],
    ['nodeName', 'node-2'],
    ['nodeUid', 'n-2'],
  ].flatMap(([name = '', value]) =>
    wrong(block, ['spec', name], 'spec', 'spec must not be changed; a block moves by being deleted and claimed again', [
      value,
    ]),
  ),
};
