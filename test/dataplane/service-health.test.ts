import { createServer, type AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { ServiceHealth } from '../../src/agent/service-health.ts';

let health: ServiceHealth;
beforeEach(() => {
  health = new ServiceHealth('127.0.0.1');
});
afterEach(() => health.close());

const of = (port: number, localEndpoints: number) => ({ namespace: 'shop', name: 'cart', port, localEndpoints });
const ask = (port: number) => fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } });

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test('a node with ready endpoints says so with their number, and 503 when the last has gone', async () => {
  const port = await freePort();
  expect(await health.serve([of(port, 2)])).toEqual([]);
  const there = await ask(port);
  expect([there.status, there.headers.get('x-load-balancing-endpoint-weight')]).toEqual([200, '2']);
  expect(await there.json()).toEqual({
    service: { namespace: 'shop', name: 'cart' },
    localEndpoints: 2,
    serviceProxyHealthy: true,
  });
  await health.serve([of(port, 0)]);
  expect((await ask(port)).status).toBe(503);
});

test('a service that is no more is not answered for', async () => {
  const port = await freePort();
  await health.serve([of(port, 1)]);
  await health.serve([]);
  await expect(ask(port)).rejects.toThrow();
});

test('a port that somebody else has is said, and the others are served', async () => {
  const [taken, free] = [await freePort(), await freePort()];
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(taken, '127.0.0.1', resolve));
  expect(await health.serve([of(taken, 1), of(free, 1)])).toEqual([
    expect.stringMatching(/healthCheckNodePort \d+ of shop\/cart: .*EADDRINUSE/),
  ]);
  expect((await ask(free)).status).toBe(200);
  await new Promise((resolve) => other.close(resolve));
  expect(await health.serve([of(taken, 1), of(free, 1)])).toEqual([]);
  expect((await ask(taken)).status).toBe(200);
});
