import { replaced } from './rules.ts';
import { GOOD, OTHER_FORMS } from './good.ts';

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

/** No range, not IPv4, host bits, too long a prefix, a leading zero, IPv4 in IPv6, something else in front or behind. */
const NO_RANGES = [
  '',
  'all',
  '10.0.0.0',
  '10.0.0.1/24',
  '10.0.0.0/33',
  '10.0.0.0/024',
  '010.0.0.0/8',
  '10.0.0/24',
  'fd00:10:244::/56',
  '2001:db8:1234:5678:9abc::/80',
  '::ffff:10.0.0.0/120',
  ' 10.0.0.0/24',
  '10.0.0.0/24,10.1.0.0/24',
];

const POOL_CIDR = 'spec.cidr must be an IPv4 prefix without host bits, for example 10.244.0.0/16';
const BLOCK_CIDR = 'spec.cidr must be an IPv4 prefix without host bits, for example 10.244.0.0/26';
const PEER_CIDR = 'ipBlock.cidr must be an IPv4 prefix without host bits, for example 192.0.2.0/24';
const EXCEPT_CIDR = 'each of ipBlock.except must be an IPv4 prefix without host bits, for example 192.0.2.128/25';
const EXCEPT_WITHIN = 'each of ipBlock.except must be a range within ipBlock.cidr';
const PEER_FORM = 'a peer must have either ipBlock, or podSelector and namespaceSelector (one of them or both)';
const PORT_RANGE = 'endPort must have a port beside it that is not greater';
const VALUES = 'values must not be empty for In and NotIn, and must be left out for Exists and DoesNotExist';
const LABEL = "should match '^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$'";
const DNS_LABEL = "should match '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$'";
const DNS_NAME = "should match '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$'";

const pool = good('IPPool');
const block = good('IPBlock');
const policy = good('NetworkPolicy');
const ranges = { ...policy, spec: OTHER_FORMS['NetworkPolicy'] };
const mesh = good('MeshService');
const split = good('TrafficSplit');

/** The rules that take more than one number to write: CEL and patterns. By kind. */
export const REFUSALS: Readonly<Record<string, readonly Refusal[]>> = {
  IPPool: [
    ...wrong(pool, ['spec', 'cidr'], 'spec.cidr', POOL_CIDR, NO_RANGES),
    ...wrong(pool, ['spec', 'cidr'], 'spec.cidr', 'spec.cidr must be /8 or longer, for example 10.0.0.0/8', [
      '10.0.0.0/7',
      '0.0.0.0/0',
    ]),
    ...wrong(
      pool,
      ['spec', 'cidr'],
      'spec',
      'spec.blockSize must not be less than the prefix length of spec.cidr, or no block fits into the pool',
      ['10.0.0.0/27', '10.0.0.1/32'],
    ),
  ],
  IPBlock: [
    ...wrong(block, ['spec', 'cidr'], 'spec.cidr', BLOCK_CIDR, NO_RANGES),
    ...wrong(
      block,
      ['metadata', 'name'],
      '<nil>',
      "metadata.name must be spec.cidr with '.' and '/' replaced by '-', for example 10-244-0-0-26",
      ['10-244-0-64-27', 'block', '10.244.0.64-26'],
    ),
  ],
  NetworkPolicy: [
    {
      mistake: 'neither ingress nor egress',
      object: replaced(replaced(policy, ['spec', 'ingress'], undefined), ['spec', 'egress'], undefined),
      field: 'spec',
      says: 'spec must have ingress or egress; to deny all traffic to the pods, write ingress: []',
    },
    ...(['ingress', 'egress'] as const).flatMap((direction) => {
      const peers = direction === 'ingress' ? 'from' : 'to';
      const peer: Steps = ['spec', direction, 0, peers, 0];
      const at = `spec.${direction}[0].${peers}[0]`;
      const outside = { cidr: '192.0.2.0/24' };
      return [
        ...wrong(policy, peer, at, PEER_FORM, [{}, { ipBlock: outside, podSelector: {} }]),
        ...wrong(policy, peer, at, PEER_FORM, [{ ipBlock: outside, namespaceSelector: {} }]),
        ...wrong(ranges, [...peer, 'ipBlock', 'cidr'], `${at}.ipBlock.cidr`, PEER_CIDR, NO_RANGES),
        ...wrong(ranges, [...peer, 'ipBlock', 'except', 0], `${at}.ipBlock.except[0]`, EXCEPT_CIDR, NO_RANGES),
        ...wrong(ranges, [...peer, 'ipBlock', 'except'], `${at}.ipBlock`, EXCEPT_WITHIN, [
          ['192.0.3.0/25'],
          ['192.0.2.0/25', '192.0.0.0/22'],
        ]),
        ...wrong(policy, ['spec', direction, 0, 'ports', 0], `spec.${direction}[0].ports[0]`, PORT_RANGE, [
          { endPort: 80 },
          { port: 80, endPort: 79 },
        ]),
        ...['podSelector', 'namespaceSelector'].flatMap((name) => selector([...peer, name], `${at}.${name}`)),
      ];
    }),
    ...selector(['spec', 'podSelector'], 'spec.podSelector'),
  ],
  MeshService: [
    ...wrong(mesh, ['spec', 'source', 'service', 'name'], 'spec.source.service.name', DNS_LABEL, [
      'Web',
      'web.shop',
      '-web',
    ]),
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
      'a match must have path, method or headers; leave matches out to match every call',
      [{}, { headers: [] }],
    ),
    ...wrong(
      split,
      ['spec', 'rules', 0, 'matches', 0, 'path', 'value'],
      'spec.rules[0].matches[0].path.value',
      "should match '^/[^?#]*$'",
      ['api', '/api?x=1', '/api#top'],
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

function selector(at: Steps, field: string): Refusal[] {
  const label = (text: string) => `${field}.matchLabels.${text}`;
  return [
    ...wrong(policy, [...at, 'matchLabels', 'app'], label('app'), LABEL, ['my web', '-web']),
    ...wrong(policy, [...at, 'matchLabels', 'app'], label('app'), '63', ['a'.repeat(64)]),
    ...wrong(policy, [...at, 'matchExpressions', 0], `${field}.matchExpressions[0]`, VALUES, [
      { key: 'tier', operator: 'In' },
      { key: 'tier', operator: 'NotIn', values: [] },
      { key: 'tier', operator: 'Exists', values: ['front'] },
      { key: 'tier', operator: 'DoesNotExist', values: ['front'] },
    ]),
    ...wrong(policy, [...at, 'matchExpressions', 0, 'values', 0], `${field}.matchExpressions[0].values[0]`, LABEL, [
      'a b',
    ]),
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
      ['10.244.0.0/17', '10.245.0.0/16'],
    ),
    ...wrong(
      pool,
      ['spec', 'blockSize'],
      'spec.blockSize',
      'spec.blockSize must not be changed; create a further IPPool, and set spec.disabled of this one',
      [25, 27],
    ),
  ],
  IPBlock: [
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
