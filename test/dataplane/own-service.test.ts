import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { HttpEcho } from './http-host.ts';
import { PORT, SendingLab } from './sending-lab.ts';

let lab: SendingLab;

beforeAll(async () => {
  lab = await SendingLab.start();
}, 60_000);
afterAll(() => lab.close(), 30_000);

test.each(['Permissive', 'Strict'] as const)('a pod is led to itself by its own Service: %s', async (mode) => {
  await lab.apply({ endpoints: { a: 'east' }, mesh: { tls: { mode } } });
  const { status, body } = await lab.server.application.get(`${lab.url}/mine`);
  expect([status, status === 200 ? (JSON.parse(body) as HttpEcho).server : body]).toEqual([200, 'a']);
  // Calls of others are mutual TLS as before.
  expect((await lab.echo()).headers['x-forwarded-client-cert']).toContain('sa/client');
  expect(await lab.server.outsider.get(`http://127.0.0.1:${PORT.a}/`)).toMatchObject({ status: 200 });
});
