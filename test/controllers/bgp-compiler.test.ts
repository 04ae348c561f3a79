import path from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { expectGolden, goldenCases, goldenInput } from '../support/golden.ts';
import { ofKind, parseManifests } from '../support/manifests.ts';
import { BgpWorldOfTest } from './bgp-world.ts';

const DIR = path.join(import.meta.dirname, 'bgp');

test.each(goldenCases(DIR))('%s', (name) => {
  const text = goldenInput(DIR, name);
  const world = new BgpWorldOfTest(text);
  world.flush();
  const objects = parseManifests(text);
  const nodes = ofKind(objects, 'Node').map(({ metadata }) => [metadata.name, world.of(metadata.name) ?? 'no BGP']);
  const peers = ofKind(objects, 'BGPPeer').map(({ metadata: { name } }) => {
    return [
      name,
      { problem: world.compiler.problemOf(name) ?? 'none', sessions: world.compiler.sessionsOf(name).length },
    ];
  });
  expectGolden(DIR, name, { nodes: Object.fromEntries(nodes), peers: Object.fromEntries(peers) });
});

const NODES = ['a', 'b', 'c'].map((name, index) => node(name, index + 1)).join('---\n');
const CONFIGURATION = `
kind: BGPConfiguration
metadata: { name: default }
spec: { advertise: { loadBalancerIPs: [198.51.100.0/24] } }
`;
const POOL = `
kind: IPPool
metadata: { name: pods }
spec: { cidr: 10.42.0.0/16 }
`;

function node(name: string, index: number, more = ''): string {
  return `
kind: Node
metadata: { name: ${name}${more} }
status: { addresses: [{ type: InternalIP, address: 192.0.2.${index} }] }
`;
}

function block(index: number, owner: string): string {
  return `
kind: IPBlock
metadata: { name: 10-42-${index}-0-26 }
spec: { cidr: 10.42.${index}.0/26, poolName: pods, poolUid: uid-pods, nodeName: ${owner}, nodeUid: uid-${owner} }
`;
}

function service(policy: string): string {
  return `
kind: Service
metadata: { name: web, namespace: shop }
spec: { externalTrafficPolicy: ${policy} }
status: { loadBalancer: { ingress: [{ ip: 198.51.100.7 }] } }
`;
}

function slice(owner: string, isReady: boolean): string {
  return `
kind: EndpointSlice
metadata: { name: web-1, namespace: shop, labels: { kubernetes.io/service-name: web } }
addressType: IPv4
endpoints: [{ addresses: [10.42.1.5], nodeName: ${owner}, conditions: { ready: ${isReady} } }]
`;
}

let world: BgpWorldOfTest;
const announced = (name: string) => world.of(name)?.announced.map(({ cidr }) => cidr);

beforeEach(() => {
  world = new BgpWorldOfTest([NODES, POOL, block(1, 'a')].join('---\n'));
});

describe('nodes are told', () => {
  test('nothing of BGP while there is no BGPConfiguration, and nobody is woken for it', () => {
    const before = world.wakes;
    expect(world.flush()).toEqual([]);
    world.put(block(2, 'b'));
    expect(world.wakes).toBe(before);
    expect(world.of('a')).toBeUndefined();
  });

  test('all of them when it comes, and all of them when it goes', () => {
    world.put(CONFIGURATION);
    expect(world.flush()).toEqual(['a', 'b', 'c']);
    expect(world.of('b')?.sessions.map(({ peer }) => peer)).toEqual(['Node/a', 'Node/c']);
    world.remove(CONFIGURATION);
    expect(world.flush()).toEqual(['a', 'b', 'c']);
    expect(world.of('b')).toBeUndefined();
  });

  test('of a block, the node that owns it', () => {
    world.put(CONFIGURATION);
    world.flush();
    world.put(block(2, 'b'));
    expect(world.flush()).toEqual(['b']);
    expect(announced('b')).toEqual(['10.42.2.0/26']);
    world.remove(block(2, 'b'));
    expect(world.flush()).toEqual(['b']);
    expect(announced('b')).toEqual([]);
  });

  test('of a node that comes, all; of its heartbeat, nobody', () => {
    world.put(CONFIGURATION);
    world.flush();
    world.put(node('d', 4));
    expect(world.flush()).toEqual(['a', 'b', 'c', 'd']);
    world.put(node('d', 4));
    expect(world.flush()).toEqual([]);
  });

  test('of the AS number of one of them, all', () => {
    world.put(CONFIGURATION);
    world.flush();
    world.put(node('b', 2, ", annotations: { weft.dev/bgp-as-number: '64999' }"));
    expect(world.flush()).toEqual(['a', 'b', 'c']);
    expect(world.of('b')?.asNumber).toBe(64_999);
    expect(world.of('a')?.sessions.map(({ asNumber }) => asNumber)).toEqual([64_999, 64_512]);
  });

  test('of a Service with policy Local, those that have a ready pod of it', () => {
    world.put([CONFIGURATION, service('Local')].join('---\n'));
    world.flush();
    expect(announced('b')).toEqual([]);
    world.put(slice('b', true));
    expect(world.flush()).toEqual(['b']);
    expect(announced('b')).toEqual(['198.51.100.7/32']);
    world.put(slice('c', true));
    expect(world.flush()).toEqual(['b', 'c']);
    world.put(slice('c', false));
    expect(world.flush()).toEqual(['c']);
    world.put(service('Cluster'));
    expect(world.flush()).toEqual(['a', 'b', 'c']);
    expect(announced('a')).toEqual(['10.42.1.0/26', '198.51.100.7/32']);
    world.remove(service('Cluster'));
    expect(world.flush()).toEqual(['a', 'b', 'c']);
    expect(announced('c')).toEqual([]);
  });
});

describe('a password', () => {
  const PEER = `
kind: BGPPeer
metadata: { name: rack }
spec: { peerAddress: 192.0.2.254, asNumber: 65001, passwordSecret: { name: bgp } }
`;

  test('that is not there keeps the session from being made, and says so', () => {
    world.put([CONFIGURATION, PEER].join('---\n'));
    world.flush();
    expect(world.compiler.sessionsOf('rack')).toEqual([]);
    expect(world.compiler.problemOf('rack')).toMatchObject({ reason: 'SecretNotFound', path: 'spec.passwordSecret' });
  });

  test('makes it when it comes, without the line end that editors leave', () => {
    world.put([CONFIGURATION, PEER].join('---\n'));
    world.flush();
    world.passwords.set('bgp/password', 'open sesame\n');
    world.compiler.passwordsChanged();
    expect(world.flush()).toEqual(['a', 'b', 'c']);
    expect(world.of('a')?.sessions.find(({ peer }) => peer === 'rack')?.password).toBe('open sesame');
    expect(world.compiler.problemOf('rack')).toBeUndefined();
  });

  test.each(['', 'say "open"', 'ö', 'a\nb', 'x'.repeat(81)])('is refused, and not repeated: %j', (password) => {
    world.passwords.set('bgp/password', password);
    world.put([CONFIGURATION, PEER].join('---\n'));
    world.flush();
    const problem = world.compiler.problemOf('rack');
    expect(problem?.reason).toBe('InvalidPassword');
    if (password !== '') expect(problem?.message).not.toContain(password);
  });
});
