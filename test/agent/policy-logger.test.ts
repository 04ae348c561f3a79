import { expect, test } from '@jest/globals';
import { DeniedFlows } from '../../src/agent/denied-flows.ts';
import type { LoggedPacket } from '../../src/agent/dataplane/nft/logged-packet.ts';
import { logPolicies } from '../../src/agent/policy-logger.ts';
import type { LogFields } from '../../src/lib/logger.ts';
import { FakeClock, silentLog } from '../kube-room/fake-clock.ts';

const PACKET: LoggedPacket = {
  ...{ policy: 'NetworkPolicy shop/web', direction: 'ingress', source: '10.0.0.1', destination: '10.0.0.2' },
  ...{ protocol: 'TCP', sourcePort: 40_000, port: 80 },
};

test('what policies log is written, within bounds, from when it can be heard until the end', async () => {
  const clock = new FakeClock();
  const said: [string, LogFields?][] = [];
  const logger = {
    ...silentLog,
    info: (...line: [string, LogFields?]) => said.push(line),
    warn: (...line: [string, LogFields?]) => said.push(line),
  };
  let isBusy = true;
  let isClosed = false;
  let waiting: LoggedPacket[] = [];
  const open = () => {
    if (isBusy) throw new Error('EBUSY');
    return { take: () => waiting.splice(0), close: () => (isClosed = true) };
  };
  const denied = new DeniedFlows(clock);
  const stop = logPolicies({ open, denied, clock, logger });
  await clock.advance(3_000);
  expect(said.splice(0)).toEqual([[expect.stringContaining('not heard'), { error: 'Error: EBUSY' }]]);
  isBusy = false;
  waiting = [PACKET];
  await clock.advance(1_000);
  expect(said.splice(0)).toEqual([['logged by policy', PACKET]]);
  waiting = Array.from({ length: 130 }, () => PACKET);
  await clock.advance(1_000);
  expect(said).toHaveLength(101);
  expect(said.splice(0).at(-1)?.[1]).toEqual({ left: 30 });
  waiting = [{ ...PACKET, verdict: 'deny' }];
  await clock.advance(1_000);
  expect(said).toEqual([]);
  expect(denied.list()).toMatchObject([{ source: '10.0.0.1', port: 80, packets: 1 }]);
  stop();
  waiting = [PACKET];
  await clock.advance(5_000);
  expect({ said, isClosed }).toEqual({ said: [], isClosed: true });
});
