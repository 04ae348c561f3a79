import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { AddressFacts } from '../../../src/model/ipam/address-facts.ts';
import { checkAddresses } from '../../../src/model/ipam/check-addresses.ts';
import { agreed, type Finding } from '../../../src/model/ipam/finding.ts';
import { block, inspection, lease, node, pod, POOL, whereFirstSays, world } from './address-world.ts';

const WEB = lease('web', ['10.42.0.5']);
const TERMINAL = { phase: 'Succeeded' as const, podIPs: [{ ip: '10.42.0.5' }] };

function found(facts: AddressFacts): string[] {
  return checkAddresses(facts).map(({ kind, node: where, subject }) => `${kind} ${where} ${subject}`);
}

function only(facts: AddressFacts): Finding {
  const [first, ...more] = checkAddresses(facts);
  expect(more).toEqual([]);
  if (first === undefined) throw new Error('nothing was found');
  return first;
}

test('nothing is found where nothing is wrong', () => {
  expect(checkAddresses(world())).toEqual([]);
});

describe('a lease of a pod that is gone', () => {
  const gone = { pods: [pod('db', 'n2', ['10.42.0.70'])] };

  test('is a leak that can be taken back when nothing on the node uses it', () => {
    const leak = only(whereFirstSays({ attachments: [{ ...WEB, isAlive: false }] }, gone));
    expect(leak).toMatchObject({ kind: 'LeakedLease', node: 'n1', subject: '10.42.0.5' });
    const dead = { containerId: 'sandbox-web', ifname: 'eth0', podUid: 'uid-web' };
    expect(leak.repair).toEqual({ how: 'release', lease: dead });
  });

  test('is a leak that is not taken back while its sandbox lives; what to do names the sandbox', () => {
    const leak = only(whereFirstSays({}, gone));
    expect(leak).toMatchObject({ kind: 'LeakedLease', nextStep: expect.stringContaining('crictl rmp sandbox-web') });
    expect(leak.repair).toBeUndefined();
  });

  test('is none when a pod there shows its address: the object of a static pod was made anew', () => {
    const again = pod('web', 'n1', ['10.42.0.5'], { uid: 'another' });
    expect(found(world({ pods: [again, pod('db', 'n2', ['10.42.0.70'])] }))).toEqual([]);
  });
});

describe('a lease of a pod that has ended', () => {
  const ended = { pods: [{ ...pod('web', 'n1', []), status: TERMINAL }, pod('db', 'n2', ['10.42.0.70'])] };

  test('is left alone while its sandbox is there', () => {
    expect(found(world(ended))).toEqual([]);
  });

  test('is a leak afterwards', () => {
    expect(only(whereFirstSays({ attachments: [{ ...WEB, isAlive: false }] }, ended)).repair?.how).toBe('release');
  });
});

describe('a lease of a pod that runs', () => {
  test('without its link is put right by the node, and the finding says what is wrong', () => {
    const broken = only(whereFirstSays({ attachments: [{ ...WEB, faults: ['eth0 is down', 'no route'] }] }));
    expect(broken).toMatchObject({ kind: 'NotWired', message: 'pod shop/web: eth0 is down; no route' });
    expect(broken.repair).toEqual({ how: 'rewire' });
  });

  test('without a namespace is not taken back', () => {
    const broken = only(whereFirstSays({ attachments: [{ ...WEB, isAlive: false }] }));
    expect(broken).toMatchObject({ kind: 'NotWired', nextStep: expect.stringContaining('delete pod web') });
    expect(broken.repair).toBeUndefined();
  });
});

test.each([
  ['a link', 'StrayLink', { strayLinks: ['weft-old'] }, 'weft-old'],
  ['a route', 'StrayRoute', { strayRoutes: ['10.42.0.9'] }, '10.42.0.9'],
])('%s that no lease names is taken away', (_, kind, more, subject) => {
  expect(only(whereFirstSays(more))).toMatchObject({ kind, node: 'n1', subject, repair: { how: 'rewire' } });
});

describe('a pod whose address no lease has', () => {
  const bare = [...world().pods, pod('bare', 'n1', ['10.42.0.20'])];

  test('is named, with how to get it a new one', () => {
    const what = only(world({ pods: bare }));
    expect(what).toMatchObject({ kind: 'AddressWithoutLease', subject: '10.42.0.20' });
    expect(what.nextStep).toBe('kubectl -n shop delete pod bare');
  });

  test.each([
    ['that is going', pod('bare', 'n1', ['10.42.0.20'], { deletionTimestamp: 'now' })],
    [
      "on its node's own network",
      { ...pod('bare', 'n1', ['10.42.0.20']), spec: { nodeName: 'n1', hostNetwork: true, containers: [] } },
    ],
    [
      'that has ended',
      { ...pod('bare', 'n1', []), status: { phase: 'Failed' as const, podIPs: [{ ip: '10.42.0.20' }] } },
    ],
    ['with an address of no pool', pod('bare', 'n1', ['192.0.2.7'])],
    ['of a node that is not asked', pod('bare', 'n7', ['10.42.0.20'])],
  ])('%s is none', (_, other) => {
    expect(found(world({ pods: [...world().pods, other] }))).toEqual([]);
  });
});

describe('one address with two holders', () => {
  test('by leases of two nodes is found, and both are named', () => {
    const facts = world({ pods: [...world().pods, pod('twin', 'n2', ['10.42.0.5'])] });
    const second = inspection(['10.42.0.64/26'], {
      attachments: [lease('db', ['10.42.0.70']), lease('twin', ['10.42.0.5'])],
    });
    const twice = checkAddresses({ ...facts, inspections: new Map([...facts.inspections, ['n2', second]]) });
    expect(twice.find(({ kind }) => kind === 'HeldTwice')).toMatchObject({
      subject: '10.42.0.5',
      message: 'held by pod shop/twin on n2 and by pod shop/web on n1',
    });
    expect(twice.map(({ kind }) => kind)).toContain('LeaseOutsideBlocks');
    expect(twice.every(({ repair }) => repair?.how !== 'release')).toBe(true);
  });

  test('by statuses alone, also in another text of the same IPv6 address, is found', () => {
    const six = [pod('a', 'n1', ['fd00::7']), pod('b', 'n2', ['fd00:0::0007'])];
    expect(found(world({ pods: [...world().pods, ...six] }))).toEqual(['HeldTwice  fd00::7']);
  });
});

describe('a block', () => {
  const [first, second] = world().blocks;
  if (first === undefined || second === undefined) throw new Error('the world has two blocks');

  test('whose Node is gone is in quarantine since then: a note', () => {
    const facts = world({ blocks: [first, second, block('10.42.0.128/26', 'n3')] });
    const counted = { ...facts, pools: [{ ...POOL, status: { ...POOL.status, blocks: 3 } }] };
    const since = new Map([['uid of 10.42.0.128/26', 125_000]]);
    expect(only({ ...counted, quarantinedMs: since })).toMatchObject({
      ...{ kind: 'Quarantined', isNote: true, subject: '10.42.0.128/26' },
      message: expect.stringContaining('125 s'),
    });
    expect(only(counted).message).toContain('still holds');
  });

  test.each([
    ['is gone', { poolUid: 'pool-0' }, 'is gone'],
    ['does not have it', { cidr: '10.43.0.0/26' }, "no part of its IPPool 'main'"],
  ])('whose pool %s is found', (_, more, message) => {
    const stray = block('10.42.0.128/26', 'n3', more);
    const facts = world({ blocks: [first, second, stray] });
    const of = checkAddresses(facts).filter(({ kind }) => kind === 'BlockOutsidePool');
    expect(of).toEqual([
      expect.objectContaining({ subject: stray.spec.cidr, message: expect.stringContaining(message) }),
    ]);
  });

  test('within another, not beside it, is found, each once', () => {
    const inside = [block('10.42.0.32/28', 'n2'), block('10.42.0.48/28', 'n2')];
    const overlapping = found(world({ blocks: [first, second, ...inside] })).filter((text) => /Overlap/.test(text));
    expect(overlapping).toEqual(['BlocksOverlap n2 10.42.0.32/28', 'BlocksOverlap n2 10.42.0.48/28']);
  });

  test('that a node holds and does not own, and one that it owns and was not told of, are found', () => {
    const facts = whereFirstSays({ blocks: ['10.42.0.192/26'] });
    expect(found(facts)).toEqual(['BlockMismatch n1 10.42.0.0/26', 'BlockMismatch n1 10.42.0.192/26']);
  });

  test('of a Node that was registered anew is not called stolen while it is kept', () => {
    const facts = world({ nodes: [node('n1', 'new'), node('n2')] });
    expect(found(facts)).toEqual(['Quarantined n1 10.42.0.0/26']);
  });
});

test("a lease in another node's block, or in none, is found", () => {
  const astray = lease('web', ['10.42.0.75', '10.42.0.200']);
  const facts = whereFirstSays(
    { attachments: [astray] },
    { pods: [pod('web', 'n1', []), pod('db', 'n2', ['10.42.0.70'])] },
  );
  const outside = checkAddresses(facts).filter(({ kind }) => kind === 'LeaseOutsideBlocks');
  expect(outside.map(({ subject }) => subject)).toEqual(['10.42.0.75', '10.42.0.200']);
  expect(outside[0]?.message).toContain("block 10.42.0.64/26 of node 'n2'");
  expect(outside[1]?.message).toContain('in no block');
});

describe('a status that miscounts', () => {
  const wrong = [{ ...POOL, status: { ...POOL.status, allocated: 5, blocks: 1 } }];

  test('is counted anew', () => {
    const what = only(world({ pools: wrong }));
    expect(what).toMatchObject({ kind: 'PoolMiscounts', subject: 'main', repair: { how: 'recount' } });
    expect(what.message).toBe('status.blocks is 1, counted 2; status.allocated is 5, counted 2');
  });

  test('is not judged by leases that a node could not tell of', () => {
    const facts = world({ pools: [{ ...POOL, status: { ...POOL.status, allocated: 5 } }] });
    const away = new Map([...facts.inspections, ['n2', 'it is not connected']] as const);
    expect(found({ ...facts, inspections: away })).toEqual(['NodeNotAsked n2 n2']);
  });

  test('that another look finds with other counts is none: pods come and go', () => {
    const looks = [5, 6].map((allocated) => world({ pools: [{ ...POOL, status: { ...POOL.status, allocated } }] }));
    const [earlier = [], later = []] = looks.map(checkAddresses);
    expect(agreed(earlier, later)).toEqual([]);
    expect(agreed(later, later)).toEqual(later);
  });
});

/** Clusters as they can be: some pods run, some are gone or have ended, sandboxes live or do not, nodes are away. */
const clusters = fc
  .array(
    fc.record({
      isLive: fc.boolean(),
      api: fc.constantFrom('runs', 'gone', 'ended', 'going', 'made anew'),
      isFaulty: fc.boolean(),
      onSecond: fc.boolean(),
    }),
    { maxLength: 30 },
  )
  .map((pods) => {
    const made = pods.map(({ isLive, api, isFaulty, onSecond }, index) => {
      const [name, where] = [`p${index}`, onSecond ? 'n2' : 'n1'];
      const address = `10.42.0.${(onSecond ? 64 : 0) + 10 + index}`;
      const held = lease(name, [address], { isAlive: isLive, faults: isLive && isFaulty ? ['a fault'] : [] });
      const more = api === 'going' ? { deletionTimestamp: 'now' } : api === 'made anew' ? { uid: 'another' } : {};
      const shown = { ...pod(name, where, [address], more) };
      const phase = api === 'ended' ? ('Succeeded' as const) : ('Running' as const);
      const status = { ...shown.status, phase };
      return { where, held, api, pod: api === 'gone' ? [] : [{ ...shown, status }] };
    });
    const on = (where: string) => made.filter((one) => one.where === where).map(({ held }) => held);
    const inspections = new Map([
      ['n1', inspection(['10.42.0.0/26'], { attachments: on('n1') })],
      ['n2', inspection(['10.42.0.64/26'], { attachments: on('n2') })],
    ]);
    return { made, facts: world({ pods: made.flatMap((one) => one.pod), inspections }) };
  });

test('a lease is offered for release only when nothing on its node uses it and the API has no pod that runs with it', () => {
  fc.assert(
    fc.property(clusters, ({ made, facts }) => {
      const released = checkAddresses(facts).flatMap(({ repair }) => (repair?.how === 'release' ? [repair.lease] : []));
      const free = made.filter(({ held, api }) => !held.isAlive && (api === 'gone' || api === 'ended'));
      expect(released.map(({ containerId }) => containerId).sort()).toEqual(
        free.map(({ held }) => held.containerId).sort(),
      );
    }),
  );
});
