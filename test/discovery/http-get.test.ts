import { createServer, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createHttpGet, reasonOf } from '../../src/discovery/http-get.ts';
import { isOfMachine } from '../../src/lib/ip.ts';
import { SelfSigned } from '../support/self-signed.ts';

let server: Server;
let port = 0;
let answer: (response: ServerResponse) => void = () => undefined;
const open = createHttpGet({
  addressOf: (host) => (host.endsWith('.svc') ? '127.0.0.1' : undefined),
  mayCall: () => true,
});
const guarded = createHttpGet({ addressOf: () => undefined, mayCall: isOfMachine });
const ask = (host: string, get = open, timeoutMs = 5_000) =>
  get({ url: `http://${host}:${port}/apps`, headers: {}, timeoutMs, signal: new AbortController().signal });

beforeAll(async () => {
  server = createServer((_, response) => answer(response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

test('an answer is unpacked and parsed, by whatever name the server has', async () => {
  answer = (response) => response.setHeader('content-encoding', 'gzip').end(gzipSync('{"a":1}'));
  for (const host of ['127.0.0.1', 'localhost', 'eureka.infra.svc']) {
    expect(await ask(host)).toMatchObject({ status: 200, body: { a: 1 } });
  }
});

test('what is no answer is said in words, without what came', async () => {
  answer = (response) => response.end('secret');
  await expect(ask('127.0.0.1')).rejects.toThrow(/^the answer is not JSON$/);
  answer = (response) => response.writeHead(302, { location: 'http://127.0.0.1/' }).end('secret');
  expect(await ask('127.0.0.1')).toMatchObject({ status: 302, body: undefined });
  answer = () => undefined;
  await expect(ask('127.0.0.1', open, 50)).rejects.toThrow('no answer within 0.05 s');
  const lost = open({
    url: 'http://127.0.0.1:1/',
    headers: {},
    timeoutMs: 1_000,
    signal: new AbortController().signal,
  });
  expect(await lost.catch(reasonOf)).toContain('ECONNREFUSED');
});

test('a question goes over another connection when the server has hung up on the one that was kept', async () => {
  answer = (response) => response.end('{}');
  await ask('127.0.0.1');
  let refused = 0;
  answer = (response) => {
    // In the moment of the question, as far as the one who asks can tell.
    if (refused === 0) response.socket?.resetAndDestroy();
    else response.end('{"b":2}');
    refused += 1;
  };
  expect(await ask('127.0.0.1')).toMatchObject({ body: { b: 2 } });
  expect(refused).toBe(2);
});

test('a server with a certificate is believed by the authority that is given, and by no other', async () => {
  const [own, other] = [new SelfSigned('127.0.0.1'), new SelfSigned('127.0.0.1')];
  const secure = createSecureServer({ cert: own.certificate, key: own.key }, (_, response) => response.end('{}'));
  await once(secure.listen(0, '127.0.0.1'), 'listening');
  const url = `https://127.0.0.1:${(secure.address() as AddressInfo).port}/`;
  const facts = { url, headers: {}, timeoutMs: 5_000, signal: new AbortController().signal };
  await expect(open(facts)).rejects.toThrow('self-signed certificate');
  await expect(open({ ...facts, ca: other.certificate })).rejects.toThrow('certificate');
  expect(await open({ ...facts, ca: own.certificate })).toMatchObject({ status: 200 });
  await expect(open(facts)).rejects.toThrow('self-signed certificate');
  secure.closeAllConnections();
  secure.close();
  for (const made of [own, other]) made.delete();
});

test('nothing is called that only this machine can reach, by name neither', async () => {
  for (const host of ['127.0.0.1', 'localhost', '[::1]', '169.254.169.254', '[::ffff:127.0.0.1]']) {
    await expect(ask(host, guarded)).rejects.toThrow("must be another machine's");
  }
});
