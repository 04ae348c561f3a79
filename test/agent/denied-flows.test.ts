import { expect, test } from '@jest/globals';
import { DeniedFlows } from '../../src/agent/denied-flows.ts';

test('of denied packets flows are remembered with how often, the last of them first, and so many at most', () => {
  let now = 0;
  const flows = new DeniedFlows({ now: () => now });
  const add = (destination: string) =>
    flows.add({
      ...{ verdict: 'deny', direction: 'egress', policy: 'p', source: '10.0.0.1', destination, protocol: 'UDP' },
      ...{ sourcePort: now, port: 53 },
    });
  for (const destination of ['a', 'b', 'a']) {
    now += 1_000;
    add(destination);
  }
  expect(flows.list()).toMatchObject([
    { destination: 'a', port: 53, packets: 2, first: '1970-01-01T00:00:01.000Z', last: '1970-01-01T00:00:03.000Z' },
    { destination: 'b', packets: 1 },
  ]);
  for (let host = 0; host < 5_000; host += 1) add(`host-${host}`);
  expect(flows.list()).toHaveLength(2_000);
  expect(flows.list()[0]).toMatchObject({ destination: 'host-4999' });
});
