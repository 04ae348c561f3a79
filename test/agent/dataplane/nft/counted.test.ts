import { describe, expect, test } from '@jest/globals';
import { countedBy, CounterTotals } from '../../../../src/agent/dataplane/nft/counted.ts';
import type { RuleCounter } from '../../../../src/agent/dataplane/nft/inspect.ts';

const WEB = 'NetworkPolicy shop/web';

function counter(chain: string, packets: number, more: Partial<RuleCounter> = {}): RuleCounter {
  return { chain, comment: WEB, verdict: 'allow', packets, bytes: packets * 100, ...more };
}

describe('a counter', () => {
  test.each<[string, string, RuleCounter['verdict'], object]>([
    ['i_k', WEB, 'deny', { kind: 'policy', direction: 'ingress', origin: WEB, verdict: 'deny' }],
    ['e_k.2', 'no rule allows it', 'deny', { kind: 'policy', direction: 'egress', verdict: 'deny' }],
    [
      'e_k.audit.2',
      `audit reject ${WEB}`,
      'allow',
      { kind: 'audit', direction: 'egress', origin: WEB, verdict: 'reject' },
    ],
    ['forward', 'begins in mid-stream', 'deny', { kind: 'guard', origin: 'begins in mid-stream' }],
  ])('of %s, "%s", is told by chain and comment', (chain, comment, verdict, expected) => {
    expect(countedBy({ chain, comment, verdict })).toMatchObject(expected);
  });
});

describe('what is counted of a policy', () => {
  const totalOf = (totals: CounterTotals, ...counters: RuleCounter[]) =>
    totals.update(counters).map(({ verdict, packets, bytes }) => `${verdict} ${packets} ${bytes}`);

  test('is the sum over its chains, by verdict', () => {
    const totals = new CounterTotals();
    const denied = counter('i_b', 1, { verdict: 'deny' });
    expect(totalOf(totals, counter('i_a', 2), counter('i_b', 3), denied)).toEqual(['allow 5 500', 'deny 1 100']);
  });

  test('never goes down: not when a chain goes, nor when one is made anew', () => {
    const totals = new CounterTotals();
    totalOf(totals, counter('i_a', 900), counter('i_b', 100));
    expect(totalOf(totals, counter('i_b', 101))).toEqual(['allow 1001 100100']);
    expect(totalOf(totals, counter('i_b', 4))).toEqual(['allow 1005 100500']);
    expect(totalOf(totals, counter('i_b', 4), counter('i_c', 2))).toEqual(['allow 1007 100700']);
  });

  test('is forgotten with the last chain that carries it', () => {
    const totals = new CounterTotals();
    totalOf(totals, counter('i_a', 5));
    expect(totalOf(totals)).toEqual([]);
    expect(totalOf(totals, counter('i_a', 1))).toEqual(['allow 1 100']);
  });
});
