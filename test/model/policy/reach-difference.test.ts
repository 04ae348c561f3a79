import { test } from '@jest/globals';
import fc from 'fast-check';
import { containsAddress, type Family, familyOf, parseCidr, parseIp } from '../../../src/lib/ip.ts';
import { createPolicyIndex } from '../../../src/model/policy/policy-index.ts';
import { type ReachEnd, reachDifferences } from '../../../src/model/policy/reach-difference.ts';
import { addressesOf, onPodNetwork, oracle, type Packet } from './oracle.ts';
import { changeOf, type PolicyWorld, policyWorld, type Thing, thingsOf, worldOf } from './policy-world.ts';

const OUTSIDE = [
  '8.8.8.8',
  '10.0.0.99',
  '192.0.2.1',
  '203.0.113.7',
  'fd00::99',
  'fd00::6',
  '2001:db8:0:8000::1',
  '2001:db8::5',
];

/** Two worlds with the same pods and nodes, whose policies, Services and namespaces have little to do with each other. */
const worlds = fc.tuple(policyWorld, policyWorld).map(([one, other]): readonly [PolicyWorld, PolicyWorld] => {
  const stays = (thing: Thing) => thing.kind === 'pod' || thing.kind === 'node';
  const pods = thingsOf(one, 'pod').map((thing): Thing => {
    const { nodeName = 'n1' } = thing.object.spec;
    return { ...thing, object: { ...thing.object, spec: { ...thing.object.spec, nodeName } } };
  });
  const common = [...pods, ...thingsOf(one, 'node')];
  const rest = (world: PolicyWorld) => [...world.values()].filter((thing) => !stays(thing) && thing.kind !== 'lease');
  return [worldOf([...common, ...rest(one)]), worldOf([...common, ...rest(other)])];
});

function indexOf(world: PolicyWorld) {
  const index = createPolicyIndex();
  index.apply(changeOf({ upserts: [...world], removals: [] }));
  return index;
}

function endsOf(world: PolicyWorld): ReachEnd[] {
  const pods = thingsOf(world, 'pod').filter(({ object }) => onPodNetwork(object));
  return [
    ...pods.flatMap(({ object }) =>
      addressesOf(world, object).map((address): ReachEnd => {
        const { namespace, name, uid = '' } = object.metadata;
        return { kind: 'pod', name: `${namespace}/${name}`, address, uid, nodeName: object.spec.nodeName ?? '' };
      }),
    ),
    ...thingsOf(world, 'node').map(({ object: { metadata } }): ReachEnd => {
      const address = metadata.name === 'n1' ? '192.0.2.200' : '2001:db8::1';
      return { kind: 'node', name: metadata.name, address, nodeName: metadata.name };
    }),
  ];
}

/** The ports that anything in the worlds names, and those beside them. */
function portsOf(all: readonly PolicyWorld[]): number[] {
  const numbers =
    JSON.stringify(all.map((world) => [...world.values()])).match(
      /(?<="(?:port|endPort|containerPort|number|start|end)":)\d+/g,
    ) ?? [];
  return [...new Set([0, 65_535, ...numbers.map(Number).flatMap((port) => [port - 1, port, port + 1])])].filter(
    (port) => port >= 0 && port <= 65_535,
  );
}

test('what opens and closes is what the specifications say of the two worlds, for everybody and every port', () => {
  fc.assert(
    fc.property(worlds, ([before, after]) => {
      const known = endsOf(before);
      const [was, is] = [indexOf(before), indexOf(after)];
      const ports = portsOf([before, after]);
      for (const family of [4, 6] as const) {
        const found = reachDifferences(was, is, known, family);
        const ends = [
          ...known,
          ...OUTSIDE.map((address): ReachEnd => ({ kind: 'outside', name: address, address })),
        ].filter(({ address }) => familyOf(address) === family);
        for (const [from, to] of ends.flatMap((one) => ends.map((other) => [one, other] as const))) {
          if (!isJudged(known, from, to)) continue;
          for (const packet of packetsOf(family, ports)) {
            const wanted = [before, after].map((world) => passes(world, from, to, packet));
            const said = found.filter(
              ({ from: senders, to: receivers, slots }) =>
                holds(senders, from) &&
                holds(receivers, to) &&
                slots.some(
                  (slot) =>
                    slot.protocol === packet.protocol && slot.from <= slotOf(packet) && slotOf(packet) <= slot.to,
                ),
            );
            const expected = wanted[0] === wanted[1] ? [] : [wanted[1] === true ? 'opens' : 'closes'];
            if (said.map(({ change }) => change).join() !== expected.join()) {
              const words = JSON.stringify({ from: from.name, to: to.name, packet, said });
              throw new Error(`${expected.join() || 'nothing changes'}, but: ${words}`);
            }
          }
        }
      }
    }),
    { numRuns: 50 },
  );
});

type Port = Pick<Packet, 'protocol' | 'port'>;

function packetsOf(family: Family, ports: readonly number[]): Port[] {
  const icmp = ([0, 8, 128, 255] as const).map((port): Port => ({ protocol: family === 4 ? 'ICMP' : 'ICMPv6', port }));
  return [
    ...(['TCP', 'UDP', 'SCTP'] as const).flatMap((protocol) => ports.map((port): Port => ({ protocol, port }))),
    ...icmp,
  ];
}

/** Of ICMP by code 0. */
function slotOf({ protocol, port }: Port): number {
  return protocol === 'ICMP' || protocol === 'ICMPv6' ? port * 256 : port;
}

/** A pod, and somebody else that is not its node; an address outside that is nobody's. */
function isJudged(known: readonly ReachEnd[], from: ReachEnd, to: ReachEnd): boolean {
  const isNobodys = (end: ReachEnd) => end.kind !== 'outside' || !known.some(({ address }) => address === end.address);
  if (from.kind !== 'pod' && to.kind !== 'pod') return false;
  if (from === to || (from.kind === 'node' && from.nodeName === to.nodeName)) return false;
  return isNobodys(from) && isNobodys(to);
}

function passes(world: PolicyWorld, from: ReachEnd, to: ReachEnd, packet: Port): boolean {
  const asks = (end: ReachEnd, far: ReachEnd, direction: Packet['direction']) => {
    const pod = thingsOf(world, 'pod').find(({ object }) => object.metadata.uid === end.uid)?.object;
    return (
      end.kind !== 'pod' ||
      pod === undefined ||
      oracle(world, pod, { ...packet, direction, peer: far.address }) === 'allow'
    );
  };
  return asks(from, to, 'egress') && asks(to, from, 'ingress');
}

function holds(ends: readonly ReachEnd[], wanted: ReachEnd): boolean {
  const ip = parseIp(wanted.address);
  return ends.some(({ kind, uid, address, cidrs = [] }) => {
    if (kind !== wanted.kind) return false;
    if (kind !== 'outside') return uid === wanted.uid && address === wanted.address;
    return cidrs.some((text) => {
      const cidr = parseCidr(text);
      return cidr !== undefined && ip !== undefined && containsAddress(cidr, ip);
    });
  });
}
