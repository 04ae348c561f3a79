import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { MeshServiceSpec } from '../../src/api/generated/meshservice.ts';
import { PORT, SendingLab } from './sending-lab.ts';

type AccessLog = NonNullable<NonNullable<MeshServiceSpec['telemetry']>['accessLog']>;

let lab: SendingLab;
let logged: number;

beforeAll(async () => {
  lab = await SendingLab.start();
}, 60_000);
afterAll(() => lab.close(), 30_000);

let told = 0;

/** Open connections keep the listener that they came by: with another cluster there are new ones. */
async function tell(accessLog: AccessLog | undefined): Promise<void> {
  const timeouts = { connectMilliseconds: 5_000 + ++told };
  const mesh = { timeouts, ...(accessLog === undefined ? {} : { telemetry: { accessLog } }) };
  expect(await lab.apply({ mesh, endpoints: { a: 'east' } })).toEqual([]);
  logged = lab.server.accessLog.length;
}

/** Calls that were written down since the last `tell`; Envoy writes out what it has now and then. */
async function lines(isEnough: (lines: readonly Record<string, unknown>[]) => boolean) {
  const read = () =>
    lab.server.accessLog
      .slice(logged)
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  await lab.until('calls are written down', () => isEnough(read()));
  return read();
}

test("each call is a line of JSON at the called pod's proxy, with its caller, and without its query", async () => {
  await tell({});
  await lab.call('/items/7?token=secret', { 'user-agent': 'test' }, 'DELETE');
  const [line] = await lines((all) => all.length > 0);
  expect(line).toMatchObject({
    ...{ method: 'DELETE', path: '/items/7', status: 200, protocol: 'HTTP/1.1', from: '10.9.0.1' },
    caller: 'spiffe://cluster.local/ns/shop/sa/client',
    authority: expect.stringContaining('10.96.0.10'),
  });
  expect(Object.keys(line ?? {})).toEqual(expect.arrayContaining(['time', 'milliseconds', 'requestId', 'sentBytes']));
  expect(lab.server.accessLog).not.toContain('secret');
});

test('only failures and slow calls are written where that is asked for', async () => {
  await tell({ minStatus: 500, slowerThanMilliseconds: 200 });
  await lab.call('/fast');
  await lab.call('/slow', { 'x-answer-after-ms': '300' });
  await lab.server.application.answerWith(PORT.a, { status: 503 });
  await lab.call('/failed');
  await lab.server.application.answerWith(PORT.a, { status: 404 });
  await lab.call('/wrong');
  await lab.server.application.answerWith(PORT.a, { status: 200 });
  const written = await lines((all) => all.some(({ path }) => path === '/failed'));
  expect([...new Set(written.map(({ path }) => path))].sort()).toEqual(['/failed', '/slow']);
});

test('a share of them is written where that is asked for', async () => {
  await tell({ percent: 30 });
  const calls = 200;
  for (let call = 0; call < calls; call += 1) await lab.call(`/${call}`);
  await tell({});
  await lab.call('/last');
  await lines((all) => all.some(({ path }) => path === '/last'));
  const count = lab.server.accessLog.split('\n').filter((line) => /"path":"\/[0-9]+"/.test(line)).length;
  // Within five standard deviations of the 60 that are expected.
  expect(Math.abs(count - calls * 0.3)).toBeLessThan(5 * Math.sqrt(calls * 0.3 * 0.7));
}, 30_000);

test('nothing is written where nothing is asked for', async () => {
  await tell(undefined);
  await lab.call('/unwritten');
  await tell({});
  await lab.call('/written');
  await lines((all) => all.some(({ path }) => path === '/written'));
  expect(lab.server.accessLog).not.toContain('/unwritten');
});
