import { describe, expect, test } from '@jest/globals';
import type { IPPool, IPPoolSpec } from '../../../src/api/generated/ippool.ts';
import type { Namespace, Node, Pod } from '../../../src/api/kubernetes.ts';
import { choosePools, isOpen, poolsForNode, poolStateOf } from '../../../src/model/ipam/pool-choice.ts';

const NODE: Node = { metadata: { name: 'n1', labels: { zone: 'a', rack: '1' } } };
const RED = { matchLabels: { team: 'red' } };
const ZONE_A = { matchLabels: { zone: 'a' } };
const ZONE_B = { matchLabels: { zone: 'b' } };

type More = Partial<IPPoolSpec> & { readonly isReady?: boolean; readonly deletionTimestamp?: string };

function pool(name: string, cidr: string, { isReady = true, deletionTimestamp, ...spec }: More = {}): IPPool {
  const status = isReady ? 'True' : 'False';
  const condition = { type: 'Ready', status, reason: 'x', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' };
  return {
    metadata: { name, uid: `uid-${name}`, ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }) },
    spec: { cidr, ...spec },
    status: { conditions: [condition] },
  } as IPPool;
}

interface Asking {
  readonly pod?: Readonly<Record<string, string>>;
  readonly namespace?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly node?: Node;
}

function choose(pools: readonly IPPool[], { pod = {}, namespace = {}, labels = {}, node = NODE }: Asking = {}) {
  const asking: Pod = { metadata: { name: 'p', namespace: 'shop', annotations: pod }, spec: { containers: [] } };
  const home: Namespace = { metadata: { name: 'shop', annotations: namespace, labels } };
  return choosePools(pools, asking, home, node);
}

const POOLS = (names: string) => ({ 'weft.dev/ip-pools': names });
const FIXED = (addresses: string) => ({ 'weft.dev/ip-addresses': addresses });

const FOUR = pool('four', '10.0.0.0/16');
const SIX = pool('six', 'fd00::/64');
const RED4 = pool('red4', '10.1.0.0/16', { namespaceSelector: RED });
const RED6 = pool('red6', 'fd01::/64', { namespaceSelector: RED });
const MANUAL = pool('manual', '10.2.0.0/16', { assignment: 'Manual' });
const ZONED = pool('zoned', '10.3.0.0/16', { nodeSelector: ZONE_A });
const ELSEWHERE = pool('elsewhere', '10.4.0.0/16', { nodeSelector: ZONE_B });
const ALL = [SIX, FOUR, RED4, RED6, MANUAL, ZONED, ELSEWHERE];

describe('a pod gets its addresses', () => {
  test.each<[string, readonly IPPool[], Asking, readonly string[], readonly number[]]>([
    ['of one family where there are pools of one', [FOUR], {}, ['four'], [4]],
    ['of IPv6 alone where there is no other', [SIX], {}, ['six'], [6]],
    ['of both families where there are pools of both', [SIX, FOUR], {}, ['four', 'six'], [4, 6]],
    ['from nowhere while there is no pool', [], {}, [], []],
    ['from nowhere while no pool is Ready', [pool('x', '10.0.0.0/16', { isReady: false })], {}, [], []],
    ['not from a disabled pool', [SIX, pool('x', '10.0.0.0/16', { disabled: true })], {}, ['six'], [6]],
    [
      'not from a pool that is being deleted',
      [SIX, pool('x', '10.0.0.0/16', { deletionTimestamp: 't' })],
      {},
      ['six'],
      [6],
    ],
    ['from all pools that are for everybody and for its node', ALL, {}, ['four', 'six', 'zoned'], [4, 6]],
    [
      'from the pools that select its namespace, instead of those for everybody',
      ALL,
      { labels: { team: 'red' } },
      ['red4', 'red6'],
      [4, 6],
    ],
    [
      'from a pool for everybody in the family in which none selects its namespace',
      [FOUR, SIX, RED6],
      { labels: { team: 'red' } },
      ['four', 'red6'],
      [4, 6],
    ],
    [
      'from a pool for everybody when the one that selects its namespace is not Ready',
      [FOUR, pool('red4', '10.1.0.0/16', { namespaceSelector: RED, isReady: false })],
      { labels: { team: 'red' } },
      ['four'],
      [4],
    ],
    [
      'from a pool for everybody when the one that selects its namespace is not for its node',
      [FOUR, pool('red4', '10.1.0.0/16', { namespaceSelector: RED, nodeSelector: ZONE_B })],
      { labels: { team: 'red' } },
      ['four'],
      [4],
    ],
    [
      'not from a manual pool that selects its namespace',
      [FOUR, pool('m', '10.1.0.0/16', { namespaceSelector: RED, assignment: 'Manual' })],
      { labels: { team: 'red' } },
      ['four'],
      [4],
    ],
    [
      'of every namespace from a pool whose selector is empty, instead of those without one',
      [FOUR, pool('any', '10.1.0.0/16', { namespaceSelector: {} })],
      {},
      ['any'],
      [4],
    ],
    ['from the pools that it names, and of their families only', ALL, { pod: POOLS('four') }, ['four'], [4]],
    ['from a manual pool that it names', ALL, { pod: POOLS('manual, six') }, ['manual', 'six'], [4, 6]],
    ['from a pool for another namespace that it names', ALL, { pod: POOLS('red6') }, ['red6'], [6]],
    ['from a pool once that it names twice', ALL, { pod: POOLS(' four ,,four, ') }, ['four'], [4]],
    [
      'from nowhere while the pool that it names is not Ready',
      [SIX, pool('x', '10.0.0.0/16', { isReady: false })],
      { pod: POOLS('x') },
      [],
      [],
    ],
    ['from the pools that its namespace names', ALL, { namespace: POOLS('manual') }, ['manual'], [4]],
    [
      'from those that its namespace names, whatever selects it',
      ALL,
      { namespace: POOLS('four'), labels: { team: 'red' } },
      ['four'],
      [4],
    ],
    [
      'from those that it names itself, whatever its namespace names',
      ALL,
      { pod: POOLS('six'), namespace: POOLS('four') },
      ['six'],
      [6],
    ],
    ['from a pool for its node that it names', ALL, { pod: POOLS('zoned') }, ['zoned'], [4]],
    [
      'not from a pool for other nodes',
      [ZONED, ELSEWHERE],
      { node: { metadata: { name: 'n2', labels: { zone: 'b' } } } },
      ['elsewhere'],
      [4],
    ],
    [
      'on a node without labels, from pools for all nodes',
      ALL,
      { node: { metadata: { name: 'n' } } },
      ['four', 'six'],
      [4, 6],
    ],
  ])('%s', (_, pools, asking, expected, families) => {
    const choice = { pools: expected, families, fixed: [] };
    expect(choose(pools, asking)).toEqual(choice);
    expect(choose([...pools].reverse(), asking)).toEqual(choice);
  });

  test('of a namespace that is not known yet, as of one without labels', () => {
    const pod: Pod = { metadata: { name: 'p', namespace: 'shop' }, spec: { containers: [] } };
    expect(choosePools(ALL, pod, undefined, NODE)).toMatchObject({ pools: ['four', 'six', 'zoned'] });
  });
});

describe('what an annotation says', () => {
  test.each<[string, Asking, readonly string[]]>([
    ['one address', { pod: FIXED('10.0.0.7') }, ['10.0.0.7']],
    ['one of each family, in any order', { pod: FIXED(' fd00::7 , 10.0.0.7') }, ['10.0.0.7', 'fd00::7']],
    ['IPv6 in any spelling', { pod: FIXED('FD00:0:0::0007') }, ['fd00::7']],
    ['nothing', { pod: FIXED(' , ') }, []],
    ['an address of a pool that the pod names', { pod: { ...POOLS('manual'), ...FIXED('10.2.0.7') } }, ['10.2.0.7']],
  ])('is taken as it is meant: %s', (_, asking, fixed) => {
    expect(choose(ALL, asking)).toMatchObject({ fixed });
  });

  test.each<[string, Asking, string, string, string]>([
    ['a pool that is not there', { pod: POOLS('four,fuor') }, 'PoolNotFound', 'ip-pools', "'fuor'"],
    ['of a namespace a pool that is not there', { namespace: POOLS('fuor') }, 'PoolNotFound', 'ip-pools', "'fuor'"],
    [
      'a pool for other nodes',
      { pod: POOLS('elsewhere') },
      'PoolNotForNode',
      'ip-pools',
      "'elsewhere' is not for node 'n1'",
    ],
    ['what is no address', { pod: FIXED('10.0.0.300') }, 'InvalidAddress', 'ip-addresses', "'10.0.0.300'"],
    ['a prefix', { pod: FIXED('10.0.0.7/32') }, 'InvalidAddress', 'ip-addresses', "'10.0.0.7/32'"],
    ['two addresses of a family', { pod: FIXED('10.0.0.7,10.0.0.8') }, 'InvalidAddress', 'ip-addresses', 'at most one'],
    [
      'one address in two spellings',
      { pod: FIXED('fd00::7,fd00:0::7') },
      'InvalidAddress',
      'ip-addresses',
      'at most one',
    ],
    ['an address in no pool', { pod: FIXED('192.0.2.7') }, 'AddressOutside', 'ip-addresses', '192.0.2.7'],
    ['an address in a pool for others', { pod: FIXED('10.1.0.7') }, 'AddressOutside', 'ip-addresses', '10.1.0.7'],
    ['an address in a manual pool unasked', { pod: FIXED('10.2.0.7') }, 'AddressOutside', 'ip-addresses', '10.2.0.7'],
    [
      'an address outside of the pools that it names',
      { pod: { ...POOLS('four'), ...FIXED('10.0.0.7,fd00::7') } },
      'AddressOutside',
      'ip-addresses',
      'fd00::7',
    ],
  ])('is refused by field and with the culprit: %s', (_, asking, reason, annotation, words) => {
    const path = `metadata.annotations[weft.dev/${annotation}]`;
    expect(choose(ALL, asking)).toEqual({ path, reason, message: expect.stringContaining(words) });
  });
});

describe('a node takes blocks by itself', () => {
  test('of pools that are Ready, for everybody and for it', () => {
    const shut = [pool('x', '10.9.0.0/16', { isReady: false }), pool('y', '10.10.0.0/16', { disabled: true })];
    const names = poolsForNode([...ALL, ...shut], NODE).map(({ metadata }) => metadata.name);
    expect(names).toEqual(['six', 'four', 'zoned']);
  });

  test('of the size of their pool', () => {
    const six = { name: 'six', uid: 'uid-six', cidr: 'fd00::/64', blockSize: 122, reserved: [], mayBorrow: true };
    expect(poolStateOf(SIX)).toEqual(six);
    expect(poolStateOf(pool('x', '10.0.0.0/16', { borrowing: 'Disabled' }))).toMatchObject({ mayBorrow: false });
    expect(poolStateOf(pool('x', '10.0.0.0/16', { blockSize: 28 }))).toMatchObject({ blockSize: 28 });
  });

  test('a pool without a status is not open yet', () => {
    expect(isOpen({ metadata: { name: 'new' }, spec: { cidr: '10.0.0.0/16' } })).toBe(false);
    expect(isOpen(FOUR)).toBe(true);
  });
});
