import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { PortIr, RuleIr } from '../../../src/model/node/ir.ts';
import { mergeRules } from '../../../src/model/policy/chain.ts';
import { evaluate } from '../../../src/model/policy/evaluate.ts';
import { coalescePorts } from '../../../src/model/policy/ports.ts';

const range: fc.Arbitrary<PortIr> = fc
  .tuple(
    fc.constantFrom('TCP' as const, 'UDP' as const),
    fc.integer({ min: 1, max: 9 }),
    fc.integer({ min: 0, max: 3 }),
  )
  .map(([protocol, from, size]) => ({ protocol, from, to: from + size }));

const rule: fc.Arbitrary<RuleIr> = fc.record({
  action: fc.constantFrom('allow' as const, 'deny' as const, 'reject' as const, 'pass' as const, 'log' as const),
  peers: fc.oneof(fc.constant('any' as const), fc.subarray(['a', 'b', 'c'], { minLength: 1 })),
  ports: fc.oneof(fc.constant('any' as const), fc.array(range, { minLength: 1, maxLength: 2 }).map(coalescePorts)),
  origin: fc.constantFrom('NetworkPolicy x/one', 'NetworkPolicy x/two'),
});

/** Each address is in the set of its own name. */
const sets = { has: (key: string, address: string) => key === address };

describe('a chain', () => {
  test('decides the same, by the same policy, after its rules are merged', () => {
    fc.assert(
      fc.property(fc.array(rule, { maxLength: 6 }), (rules) => {
        const merged = mergeRules(rules);
        for (const peer of ['a', 'b', 'c', 'nobody']) {
          for (const protocol of ['TCP', 'UDP', 'other'] as const) {
            for (let port = 0; port <= 13; port += 1) {
              const said = [rules, merged].map((list) => {
                const decision = evaluate({ rules: list, otherwise: 'deny' }, sets, { peer, protocol, port });
                const by = decision.rule === undefined ? undefined : list[decision.rule]?.origin;
                return `${decision.verdict} by ${by}`;
              });
              if (said[0] !== said[1]) throw new Error(`${peer} ${protocol}/${port}: ${said.join(', after ')}`);
            }
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  test('has one rule for neighbours that differ in peers only', () => {
    const origin = 'NetworkPolicy x/one';
    const ports: PortIr[] = [{ protocol: 'TCP', from: 80, to: 80 }];
    const rules: RuleIr[] = [
      { action: 'allow', peers: ['b'], ports, origin },
      { action: 'allow', peers: ['a'], ports, origin },
      { action: 'deny', peers: ['a'], ports, origin },
    ];
    expect(mergeRules(rules)).toEqual([
      { action: 'allow', peers: ['a', 'b'], ports, origin },
      { action: 'deny', peers: ['a'], ports, origin },
    ]);
  });
});

describe('a list of ports', () => {
  test('is sorted, and ranges that touch are one', () => {
    expect(
      coalescePorts([
        { protocol: 'UDP', from: 53, to: 53 },
        { protocol: 'TCP', from: 81, to: 90 },
        { protocol: 'TCP', from: 80, to: 80 },
        { protocol: 'TCP', from: 85, to: 86 },
        { protocol: 'TCP', from: 92, to: 92 },
      ]),
    ).toEqual([
      { protocol: 'TCP', from: 80, to: 90 },
      { protocol: 'TCP', from: 92, to: 92 },
      { protocol: 'UDP', from: 53, to: 53 },
    ]);
  });
});
