import { describe, expect, test } from '@jest/globals';
import { chainNames, renderChain } from '../../../../src/agent/dataplane/nft/render-chain.ts';
import type { Family } from '../../../../src/lib/ip.ts';
import type { ChainIr, RuleIr } from '../../../../src/model/node/ir.ts';

/** Without the chains that log and count denials. */
function rendered(direction: 'ingress' | 'egress', chain: ChainIr, families: readonly Family[] = [4]): string[] {
  return all(direction, chain, families).filter((text) => !/ [ie]_k\.no\d /.test(text));
}

function all(direction: 'ingress' | 'egress', chain: ChainIr, families: readonly Family[] = [4]): string[] {
  return renderChain(direction, 'k', chain, families).map(({ text }) => text);
}

function rule(more: Partial<RuleIr>): RuleIr {
  return { action: 'allow', peers: 'any', ports: 'any', origin: 'NetworkPolicy a/b', ...more };
}

describe('renderChain', () => {
  test('returns on allow, drops on deny, and drops at the end of an isolated direction', () => {
    expect(rendered('ingress', { rules: [rule({}), rule({ action: 'deny' })], otherwise: 'deny' })).toEqual([
      'add rule inet weft i_k counter return comment "NetworkPolicy a/b"',
      'add rule inet weft i_k goto i_k.no1',
      'add rule inet weft i_k goto i_k.no2',
    ]);
    expect(rendered('ingress', { rules: [], otherwise: 'allow' })).toEqual([]);
  });

  test('logs and counts what a policy denies in a chain of its own, at a bounded rate', () => {
    const deny = rule({ action: 'deny', peers: ['p'] });
    const chain: ChainIr = { rules: [deny, { ...deny, peers: ['q'] }, rule({ action: 'reject' })], otherwise: 'deny' };
    const log = (words: string) => `limit rate 10/second burst 20 packets log prefix "${words}" group 5187 snaplen 64`;
    expect(all('egress', chain)).toEqual([
      'add rule inet weft e_k ip daddr @s_p goto e_k.no1',
      'add rule inet weft e_k ip daddr @s_q goto e_k.no1',
      'add rule inet weft e_k goto e_k.no2',
      'add rule inet weft e_k goto e_k.no3',
      `add rule inet weft e_k.no1 ${log('deny egress NetworkPolicy a/b')}`,
      'add rule inet weft e_k.no1 counter drop comment "NetworkPolicy a/b"',
      `add rule inet weft e_k.no2 ${log('reject egress NetworkPolicy a/b')}`,
      'add rule inet weft e_k.no2 meta l4proto tcp counter reject with tcp reset comment "NetworkPolicy a/b"',
      'add rule inet weft e_k.no2 counter reject with icmpx type admin-prohibited comment "NetworkPolicy a/b"',
      `add rule inet weft e_k.no3 ${log('deny egress no rule allows it')}`,
      'add rule inet weft e_k.no3 counter drop comment "no rule allows it"',
    ]);
    expect(chainNames('egress', 'k', chain)).toEqual(['e_k', 'e_k.no1', 'e_k.no2', 'e_k.no3']);
  });

  test('has a chain for each tier: what a rule passes goes there, and what none of the tier matches', () => {
    const chain: ChainIr = {
      rules: [
        rule({ action: 'pass', peers: ['p'], tier: 0 }),
        rule({ action: 'deny', peers: ['q'], tier: 0 }),
        rule({ action: 'pass', peers: ['q'], tier: 2 }),
      ],
      otherwise: 'deny',
    };
    expect(rendered('egress', chain)).toEqual([
      'add rule inet weft e_k ip daddr @s_p counter goto e_k.2 comment "NetworkPolicy a/b"',
      'add rule inet weft e_k ip daddr @s_q goto e_k.no1',
      'add rule inet weft e_k goto e_k.2',
      'add rule inet weft e_k.2 ip daddr @s_q counter drop comment "NetworkPolicy a/b"',
      'add rule inet weft e_k.2 goto e_k.no2',
    ]);
  });

  test('counts what is on trial in chains beside, and denies nothing there', () => {
    const onTrial = { origin: 'NetworkPolicy a/trial' };
    const chain: ChainIr = {
      rules: [rule({})],
      otherwise: 'deny',
      audit: {
        rules: [
          rule({ ...onTrial, action: 'pass', peers: ['p'], tier: 0 }),
          rule({ ...onTrial, action: 'deny', peers: ['q'], tier: 0 }),
          rule({ tier: 1 }),
        ],
        onTrial: [onTrial.origin],
      },
    };
    expect(rendered('egress', chain)).toEqual([
      'add rule inet weft e_k jump e_k.audit',
      'add rule inet weft e_k counter return comment "NetworkPolicy a/b"',
      'add rule inet weft e_k goto e_k.no1',
      'add rule inet weft e_k.audit ip daddr @s_p counter goto e_k.audit.2 comment "audit pass NetworkPolicy a/trial"',
      'add rule inet weft e_k.audit ip daddr @s_q counter return comment "audit deny NetworkPolicy a/trial"',
      'add rule inet weft e_k.audit goto e_k.audit.2',
      'add rule inet weft e_k.audit.2 return',
    ]);
    expect(chainNames('egress', 'k', chain)).toEqual(['e_k', 'e_k.no1', 'e_k.audit', 'e_k.audit.2']);
  });

  test('lets open connections be where a policy keeps them', () => {
    const keepsOpen = true as const;
    const chain: ChainIr = { rules: [rule({ action: 'deny', peers: ['p'], keepsOpen })], otherwise: 'deny', keepsOpen };
    expect(rendered('ingress', chain)).toEqual([
      'add rule inet weft i_k ip saddr @s_p ct state established,related return',
      'add rule inet weft i_k ip saddr @s_p goto i_k.no1',
      'add rule inet weft i_k ct state established,related return',
      'add rule inet weft i_k goto i_k.no2',
    ]);
  });

  test('logs at a bounded rate, and goes on; of what is on trial too', () => {
    const log = rule({ action: 'log', peers: ['p'] });
    const audit = { rules: [log, rule({ action: 'log', origin: 'NetworkPolicy a/other' })], onTrial: [log.origin] };
    const line =
      'ip saddr @s_p counter limit rate 10/second burst 20 packets log prefix "ingress NetworkPolicy a/b" group 5187 snaplen 64 comment "NetworkPolicy a/b"';
    expect(rendered('ingress', { rules: [log], otherwise: 'allow', audit })).toEqual([
      'add rule inet weft i_k jump i_k.audit',
      `add rule inet weft i_k ${line}`,
      `add rule inet weft i_k.audit ${line}`,
    ]);
  });

  test('holds what is allowed to the limits of each pod', () => {
    const limits = [
      { origin: 'NetworkPolicy a/b', max: 10, newPerSecond: 5 },
      { origin: 'NetworkPolicy a/c', max: 3 },
    ];
    const limited = (direction: 'ingress' | 'egress', of: Partial<ChainIr>, families?: readonly Family[]) =>
      rendered(direction, { rules: [rule({}), rule({ action: 'deny' })], otherwise: 'deny', limits, ...of }, families);
    expect(limited('ingress', {})).toEqual([
      'add rule inet weft i_k counter goto i_k.limits comment "NetworkPolicy a/b"',
      'add rule inet weft i_k goto i_k.no1',
      'add rule inet weft i_k goto i_k.no2',
      'add rule inet weft i_k.limits ct state new update @i_k.limits.1.rate4 { ip daddr limit rate over 5/second burst 5 packets } counter drop comment "NetworkPolicy a/b"',
      'add rule inet weft i_k.limits ct state new add @i_k.limits.1.open4 { ip daddr ct count over 10 } counter drop comment "NetworkPolicy a/b"',
      'add rule inet weft i_k.limits ct state new add @i_k.limits.2.open4 { ip daddr ct count over 3 } counter drop comment "NetworkPolicy a/c"',
    ]);
    expect(limited('egress', { rules: [], otherwise: 'allow', limits: limits.slice(1) }, [4, 6])).toEqual([
      'add rule inet weft e_k goto e_k.limits',
      'add rule inet weft e_k.limits ct state new add @e_k.limits.1.open4 { ip saddr ct count over 3 } counter drop comment "NetworkPolicy a/c"',
      'add rule inet weft e_k.limits ct state new add @e_k.limits.1.open6 { ip6 saddr ct count over 3 } counter drop comment "NetworkPolicy a/c"',
    ]);
  });

  test('rejects TCP by a reset, and everything else by ICMP', () => {
    const ports = [
      { protocol: 'TCP', from: 80, to: 80 },
      { protocol: 'UDP', from: 53, to: 53 },
    ] as const;
    const rejects = (of: Partial<RuleIr>) =>
      rendered('egress', { rules: [rule({ action: 'reject', ...of })], otherwise: 'allow' });
    expect(rejects({})).toEqual(['add rule inet weft e_k goto e_k.no1']);
    expect(rejects({ ports, peers: ['p'] })).toEqual([
      'add rule inet weft e_k ip daddr @s_p tcp dport 80 goto e_k.no1',
      'add rule inet weft e_k ip daddr @s_p udp dport 53 goto e_k.no1',
    ]);
  });

  test('matches messages of ICMP by type and code, each in its own family', () => {
    const ports = [
      { protocol: 'ICMP', from: 8, to: 8, code: 0 },
      { protocol: 'ICMP', from: 13, to: 14 },
      { protocol: 'ICMPv6', from: 0, to: 255 },
    ] as const;
    const chain: ChainIr = { rules: [rule({ ports, peers: ['p'] })], otherwise: 'allow' };
    expect(rendered('ingress', chain, [4, 6])).toEqual([
      'add rule inet weft i_k ip saddr @s_p icmp type { 8 } icmp code 0 counter return comment "NetworkPolicy a/b"',
      'add rule inet weft i_k ip saddr @s_p icmp type { 13-14 } counter return comment "NetworkPolicy a/b"',
      'add rule inet weft i_k ip6 saddr @s6_p meta nfproto ipv6 meta l4proto 58 counter return comment "NetworkPolicy a/b"',
    ]);
  });

  test('makes a line for each far end and protocol: source on the way in, destination on the way out', () => {
    const of = rule({
      peers: ['p', 'q'],
      ports: [
        { protocol: 'UDP', from: 53, to: 53 },
        { protocol: 'TCP', from: 8000, to: 8010 },
        { protocol: 'TCP', from: 443, to: 443 },
      ],
    });
    expect(rendered('egress', { rules: [of], otherwise: 'allow' })).toEqual([
      'add rule inet weft e_k ip daddr @s_p tcp dport { 443, 8000-8010 } counter return comment "NetworkPolicy a/b"',
      'add rule inet weft e_k ip daddr @s_p udp dport 53 counter return comment "NetworkPolicy a/b"',
      'add rule inet weft e_k ip daddr @s_q tcp dport { 443, 8000-8010 } counter return comment "NetworkPolicy a/b"',
      'add rule inet weft e_k ip daddr @s_q udp dport 53 counter return comment "NetworkPolicy a/b"',
    ]);
    expect(rendered('ingress', { rules: [rule({ peers: ['p'] })], otherwise: 'allow' })[0]).toContain(
      'ip saddr @s_p counter',
    );
  });

  test('makes a line for each family of a far end, and one alone where everybody may be it', () => {
    const both = (of: RuleIr) => rendered('egress', { rules: [of], otherwise: 'allow' }, [4, 6]);
    expect(both(rule({ peers: ['p'], action: 'deny' }))).toEqual([
      'add rule inet weft e_k ip daddr @s_p goto e_k.no1',
      'add rule inet weft e_k ip6 daddr @s6_p goto e_k.no1',
    ]);
    expect(both(rule({}))).toEqual(['add rule inet weft e_k counter return comment "NetworkPolicy a/b"']);
  });

  test('makes no line for a rule about nobody', () => {
    expect(rendered('ingress', { rules: [rule({ peers: [] })], otherwise: 'allow' })).toEqual([]);
  });

  test('joins ports that overlap or touch, which nft would refuse', () => {
    const ports = [
      { protocol: 'TCP', from: 80, to: 90 },
      { protocol: 'TCP', from: 85, to: 85 },
      { protocol: 'TCP', from: 91, to: 95 },
    ] as const;
    expect(rendered('ingress', { rules: [rule({ ports })], otherwise: 'allow' })[0]).toContain(
      ' tcp dport 80-95 counter',
    );
  });

  test('writes every port of a protocol as the protocol', () => {
    const ports = [{ protocol: 'SCTP', from: 0, to: 65_535 }] as const;
    expect(rendered('ingress', { rules: [rule({ ports })], otherwise: 'allow' })[0]).toContain(
      ' meta l4proto sctp counter',
    );
  });

  test('keeps comments short and within their quotes', () => {
    const origin = `a"; drop\n\\${'x'.repeat(200)}`;
    const [line = ''] = rendered('ingress', { rules: [rule({ origin })], otherwise: 'allow' });
    const comment = /comment "([^"]*)"$/.exec(line)?.[1];
    expect(comment).toBe(`a; drop${'x'.repeat(113)}`);
  });

  test('refuses keys that are more than a name', () => {
    expect(() =>
      renderChain('ingress', 'k', { rules: [rule({ peers: ['x; drop'] })], otherwise: 'deny' }, [4]),
    ).toThrow(expect.objectContaining({ code: 'BadName', culprit: { kind: 'set', key: 'x; drop' } }));
  });
});
