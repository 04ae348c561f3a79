import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { CollectorLab } from '../support/collector-lab.ts';
import { COLLECTOR_PORT, SendingLab } from './sending-lab.ts';

let lab: SendingLab;
let collector: CollectorLab;

beforeAll(async () => {
  lab = await SendingLab.start();
  collector = await CollectorLab.start(lab.server.netns, COLLECTOR_PORT);
}, 60_000);
afterAll(async () => {
  await collector.stop();
  await lab.close();
}, 30_000);

/** As the caller's own program has begun it. */
function begun({ isSampled }: { readonly isSampled: boolean }) {
  const [trace, span] = [randomBytes(16).toString('hex'), randomBytes(8).toString('hex')];
  return { trace, span, header: { traceparent: `00-${trace}-${span}-${isSampled ? '01' : '00'}` } };
}

async function spansOf(trace: string, count: number) {
  await lab.until(`${count} spans of ${trace} are there`, () => collector.spansOf(trace).length >= count);
  return collector.spansOf(trace);
}

test('a trace that the caller has begun goes through both proxies, each a span within the last', async () => {
  await lab.apply({ tracesPercent: 0 });
  const { trace, span, header } = begun({ isSampled: true });
  const { headers } = await lab.echo('/items?secret=1', header);
  const [inner, outer] = [...(await spansOf(trace, 2))].sort((a) => (a.parent === span ? 1 : -1));
  expect(outer).toMatchObject({ service: 'client', kind: 'Client', parent: span });
  expect(inner).toMatchObject({ service: 'server', kind: 'Server', parent: outer?.id });
  // What the application may go on with.
  expect(headers['traceparent']).toBe(`00-${trace}-${inner?.id}-01`);
  expect(outer?.attributes).toMatchObject({ 'http.method': 'GET', 'http.status_code': '200' });
}, 30_000);

test('calls begin a trace by the share that is said, and by that of their MeshService before', async () => {
  await lab.apply({ tracesPercent: 100 });
  const begin = async () => (await lab.echo()).headers['traceparent'] as string | undefined;
  const [, trace = '', , flags] = (await begin())?.split('-') ?? [];
  expect(flags).toBe('01');
  expect((await spansOf(trace, 2)).map(({ service }) => service).sort()).toEqual(['client', 'server']);
  await lab.apply({ tracesPercent: 100, mesh: { telemetry: { tracing: { percent: 0 } } } });
  await lab.until('none is begun', async () => !((await begin()) ?? '').endsWith('-01'));
}, 30_000);

test('a trace that the caller has left out is left out, and the collector is told nothing of calls to itself', async () => {
  await lab.apply({ tracesPercent: 100 });
  const { trace, header } = begun({ isSampled: false });
  await lab.echo('/', header);
  const after = begun({ isSampled: true });
  await lab.echo('/', after.header);
  await spansOf(after.trace, 2);
  expect(collector.spansOf(trace)).toEqual([]);
  expect(collector.log).not.toContain('/v1/traces');
}, 30_000);
