import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { HeldResources } from '../../src/controllers/node-state/held.ts';
import { InStep } from '../../src/controllers/node-state/in-step.ts';
import { DesiredTable } from '../../src/model/node/desired.ts';

const NODES = ['a', 'b'] as const;
const slice = (address: string) => ({
  service: 'shop/cart',
  addressType: 'IPv4' as const,
  endpoints: [{ addresses: [address] }],
  ports: [],
});

function world() {
  const table = new DesiredTable();
  const held = new HeldResources();
  const inStep = new InStep({ table, held });
  for (const node of NODES) table.require('chain', 'c', { add: [node] });
  const flush = () => {
    for (const [node, refs] of table.takeDirty()) inStep.changed(node, refs);
  };
  const connect = (node: string) => {
    held.connected(node, { nodeUid: node, held: [] });
    inStep.connected(node);
  };
  const acknowledge = (node: string, key: string) => {
    const ref = { kind: 'routedSlice' as const, key };
    const version = table.version(node, ref);
    const applied = version === undefined ? [] : [{ ...ref, version }];
    const removed = version === undefined ? [ref] : [];
    held.changed(node, { applied, removed, errors: [] });
    inStep.changed(node, [...applied, ...removed]);
  };
  return { table, held, inStep, flush, connect, acknowledge };
}

describe('a node', () => {
  test('is in step when it has acknowledged every address that was ever told', () => {
    const { table, inStep, flush, connect, acknowledge } = world();
    connect('a');
    expect(inStep.has('a')).toBe(true);
    table.setEverywhere('routedSlice', 'shop/x', slice('10.42.0.2'));
    flush();
    expect(inStep.has('a')).toBe(false);
    acknowledge('a', 'shop/x');
    expect(inStep.has('a')).toBe(true);
    expect(inStep.has('b')).toBe(false);
  });

  test('that has never connected is not, once there is anything to know', () => {
    const { table, inStep, flush } = world();
    table.setEverywhere('routedSlice', 'shop/x', slice('10.42.0.2'));
    flush();
    expect(inStep.has('b')).toBe(false);
  });
});

const KEYS = ['shop/x', 'shop/y', 'shop/z'] as const;
const step = fc.oneof(
  fc.record({
    do: fc.constant('set' as const),
    key: fc.constantFrom(...KEYS),
    address: fc.constantFrom('1', '2', '3'),
  }),
  fc.record({ do: fc.constant('remove' as const), key: fc.constantFrom(...KEYS) }),
  fc.record({
    do: fc.constant('acknowledge' as const),
    node: fc.constantFrom(...NODES),
    key: fc.constantFrom(...KEYS),
  }),
  fc.record({ do: fc.constant('connect' as const), node: fc.constantFrom(...NODES) }),
  fc.record({ do: fc.constant('ask' as const), node: fc.constantFrom(...NODES) }),
);

test('what is kept change by change is what a look at everything finds', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const { table, held, inStep, flush, connect, acknowledge } = world();
      for (const node of NODES) connect(node);
      for (const of of steps) {
        if (of.do === 'set') table.setEverywhere('routedSlice', of.key, slice(`10.42.0.${of.address}`));
        else if (of.do === 'remove') table.removeEverywhere('routedSlice', of.key);
        else if (of.do === 'acknowledge') acknowledge(of.node, of.key);
        else if (of.do === 'connect') connect(of.node);
        else inStep.has(of.node);
        flush();
        for (const node of NODES) expect(inStep.has(node)).toBe(new InStep({ table, held }).has(node));
      }
    }),
  );
});
