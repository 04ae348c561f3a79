import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { REQUEST_BUCKETS_MS } from '../../src/agent/envoy/call-counts.ts';
import { observeCalls } from '../../src/telemetry/call-metrics.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import type { ProxyPart } from '../../src/model/mesh/proxy-view.ts';
import { PORT, SendingLab } from './sending-lab.ts';

let lab: SendingLab;

beforeAll(async () => {
  lab = await SendingLab.start();
}, 60_000);
afterAll(() => lab.close(), 30_000);

/** Lines of the node's scrape about the mesh: name and labels → value. */
async function scrape(): Promise<ReadonlyMap<string, number>> {
  const metrics = createMetrics();
  observeCalls(metrics.registry, { read: () => lab.calls(), boundsMs: REQUEST_BUCKETS_MS });
  const { text } = await metrics.scrape();
  const lines = text.split('\n').filter((line) => line.startsWith('weft_') && !line.startsWith('weft_kube'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}

test("a proxy's own view is given by part and name, without private keys", async () => {
  await lab.apply({});
  const names = async (part: ProxyPart, filter = '') => {
    const text = await lab.view({ podUid: 'uid-client', part, filter });
    expect(text).not.toContain('PRIVATE KEY');
    return [...new Set([...text.matchAll(/"(?:cluster_)?name": "(shop[^"]*)"/g)].map(([, name]) => name))].sort();
  };
  expect(await names('clusters', '^shop/[ab]:')).toEqual(['shop/a:80', 'shop/b:80']);
  expect(await names('endpoints', 'shop/a:')).toEqual(['shop/a:80']);
  expect(await names('routes', 'shop/web')).toContain('shop/web:80');
  expect(await names('listeners')).toContain('shop/web:80@10.96.0.10');
  expect(await lab.view({ podUid: 'uid-client', part: 'certificates', filter: '' })).toContain('sa/client');
  expect(await lab.view({ podUid: 'uid-client', part: 'stats', filter: '^server.live$' })).toBe('server.live: 1\n');
  await expect(lab.view({ podUid: 'nobody', part: 'stats', filter: '' })).rejects.toThrow('no proxy on this node');
  await expect(lab.view({ podUid: 'uid-client', part: 'clusters', filter: '[' })).rejects.toThrow('400');
});

test('rates, errors and durations are known by caller and called, of both sides', async () => {
  await lab.apply({ split: { rules: [{ backends: [{ service: 'b' }] }] } });
  for (let call = 0; call < 5; call += 1) await lab.call();
  await lab.server.application.answerWith(PORT.b, { status: 503 });
  await lab.call('/', { 'x-answer-after-ms': '300' });
  const to = 'source="shop/client",destination="shop/b",port="80",subset=""';
  const by = 'workload="shop/server",port="8081"';
  // Envoy adds its threads' times up every 5 s.
  const timed = [`weft_request_duration_seconds_count{${to}}`, `weft_served_request_duration_seconds_count{${by}}`];
  await lab.until('all are timed', async () => {
    const metrics = await scrape();
    return timed.every((name) => metrics.get(name) === 6);
  });
  const metrics = await scrape();
  expect(metrics.get(`weft_requests_total{${to},code="2xx"}`)).toBe(5);
  expect(metrics.get(`weft_requests_total{${to},code="5xx"}`)).toBe(1);
  expect(metrics.get(`weft_request_duration_seconds_bucket{${to},le="0.25"}`)).toBe(5);
  expect(metrics.get(`weft_request_duration_seconds_bucket{${to},le="0.5"}`)).toBe(6);
  expect(metrics.get(`weft_request_duration_seconds_sum{${to}}`)).toBeGreaterThan(0.29);
  expect(metrics.get(`weft_connections_total{${to}}`)).toBeGreaterThan(0);
  expect(metrics.get(`weft_connection_bytes_total{${to},direction="received"}`)).toBeGreaterThan(0);
  expect(metrics.get(`weft_served_requests_total{${by},code="2xx"}`)).toBe(5);
  expect(metrics.get(`weft_served_requests_total{${by},code="5xx"}`)).toBe(1);
}, 30_000);
