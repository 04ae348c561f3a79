import { describe, expect, test } from '@jest/globals';
import type { AddressSetIr, ChainIr, RuleIr } from '../../../src/model/node/ir.ts';
import { addressSets, evaluate, type PolicyPacket } from '../../../src/model/policy/evaluate.ts';

const SETS = addressSets(
  new Map<string, AddressSetIr>([
    ['web', { type: 'ip', members: ['10.42.1.2', '10.42.2.9', 'fd42::1:2'] }],
    ['office', { type: 'cidr', members: ['192.0.2.0/25', '198.51.100.7/32', '2001:db8::/33'] }],
    ['all', { type: 'cidr', members: ['0.0.0.0/0'] }],
    ['all6', { type: 'cidr', members: ['::/0'] }],
  ]),
);
const HTTP = { protocol: 'TCP', from: 80, to: 80 } as const;
const PACKET: PolicyPacket = { peer: '10.42.1.2', protocol: 'TCP', port: 80 };

function rule(more: Partial<RuleIr>): RuleIr {
  return { action: 'allow', peers: 'any', ports: 'any', origin: 'test', ...more };
}

function isAllowed(
  rules: readonly RuleIr[],
  packet: Partial<PolicyPacket> = {},
  otherwise: ChainIr['otherwise'] = 'deny',
): boolean {
  return evaluate({ rules, otherwise }, SETS, { ...PACKET, ...packet }).verdict === 'allow';
}

describe('evaluate', () => {
  test('without rules, says what the chain says of everything', () => {
    expect(evaluate({ rules: [], otherwise: 'deny' }, SETS, PACKET)).toEqual({ verdict: 'deny' });
    expect(evaluate({ rules: [], otherwise: 'allow' }, SETS, PACKET)).toEqual({ verdict: 'allow' });
  });

  test('lets the first rule that matches decide, and tells which', () => {
    const rules = [rule({ peers: ['office'] }), rule({ action: 'deny', peers: ['web'] }), rule({})];
    expect(evaluate({ rules, otherwise: 'allow' }, SETS, PACKET)).toEqual({ verdict: 'deny', rule: 1 });
    expect(evaluate({ rules, otherwise: 'deny' }, SETS, { ...PACKET, peer: '10.9.9.9' })).toEqual({
      verdict: 'allow',
      rule: 2,
    });
  });

  test('takes any of several peers, and nobody when there are none', () => {
    expect(isAllowed([rule({ peers: ['office', 'web'] })])).toBe(true);
    expect(isAllowed([rule({ peers: [] })])).toBe(false);
    expect(isAllowed([rule({ peers: ['unknown'] })])).toBe(false);
  });

  test.each([
    ['192.0.2.0', true],
    ['192.0.2.127', true],
    ['192.0.2.128', false],
    ['198.51.100.7', true],
    ['198.51.100.8', false],
    ['2001:db8:7fff:ffff::1', true],
    ['2001:db8:8000::', false],
    ['2001:db7:ffff::', false],
  ])('holds prefixes to their bounds, and the whole of a family to the family: %s', (peer, expected) => {
    const isSix = peer.includes(':');
    expect(isAllowed([rule({ peers: ['office'] })], { peer })).toBe(expected);
    expect(isAllowed([rule({ peers: ['all'] })], { peer })).toBe(!isSix);
    expect(isAllowed([rule({ peers: ['all6'] })], { peer })).toBe(isSix);
    expect(isAllowed([rule({ peers: ['all', 'all6'] })], { peer })).toBe(true);
  });

  test('knows a pod by its address of either family', () => {
    const rules = [rule({ peers: ['web'] })];
    expect(['fd42::1:2', '10.42.1.2', 'fd42::1:3'].map((peer) => isAllowed(rules, { peer }))).toEqual([
      true,
      true,
      false,
    ]);
  });

  test('compares protocol and port, both ends of a range inclusive', () => {
    const rules = [rule({ ports: [HTTP, { protocol: 'UDP', from: 1000, to: 2000 }] })];
    expect(isAllowed(rules)).toBe(true);
    expect(isAllowed(rules, { port: 81 })).toBe(false);
    expect(isAllowed(rules, { protocol: 'UDP' })).toBe(false);
    expect([999, 1000, 2000, 2001].map((port) => isAllowed(rules, { protocol: 'UDP', port }))).toEqual([
      false,
      true,
      true,
      false,
    ]);
    expect(isAllowed(rules, { protocol: 'SCTP', port: 1500 })).toBe(false);
  });

  test('lets what has no ports match only rules about all ports', () => {
    const icmp = { protocol: 'other', port: 0 } as const;
    expect(isAllowed([rule({ ports: [{ protocol: 'TCP', from: 0, to: 65_535 }] })], icmp)).toBe(false);
    expect(isAllowed([rule({ ports: 'any' })], icmp)).toBe(true);
  });
});
