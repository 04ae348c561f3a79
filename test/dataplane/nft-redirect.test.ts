import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { Socket } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { applyNftInNetns, type Redirect, renderRedirect } from '../../src/agent/dataplane/nft/redirect.ts';
import { connectTcp } from '../../src/agent/dataplane/tcp-socket.ts';
import { NetnsLab } from './netns-lab.ts';
import { Traffic } from './traffic.ts';

const POD = '192.0.2.2';
const HOST = '192.0.2.1';
const ELSEWHERE = '192.0.2.9';
const [POD6, HOST6, ELSEWHERE6] = ['2001:db8::2', '2001:db8::1', '2001:db8::9'] as const;
const PROXY_UID = 1337;
const REDIRECT: Redirect = {
  proxyUid: PROXY_UID,
  inboundPort: 15006,
  outboundPort: 15001,
  hostAddresses: [HOST, HOST6],
  probePorts: [8081],
  excludedInboundPorts: [15020, 15021, 15090],
  administration: { port: 15000, mark: 0x57e7 },
};

const lab = new NetnsLab();
let pod: string;
let app: Traffic;
let proxy: Traffic;
let host: Traffic;

/** A pod's namespace with an application and a proxy in it, and a host with servers and two addresses. */
beforeAll(async () => {
  pod = lab.add('pod');
  const node = lab.add('host');
  lab.ip(pod, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', path.basename(node));
  for (const netns of [pod, node]) for (const link of ['lo', 'eth0']) lab.ip(netns, 'link', 'set', link, 'up');
  lab.ip(pod, 'address', 'add', `${POD}/24`, 'dev', 'eth0');
  lab.ip(pod, 'address', 'add', `${POD6}/64`, 'dev', 'eth0', 'nodad');
  for (const address of [HOST, ELSEWHERE]) lab.ip(node, 'address', 'add', `${address}/24`, 'dev', 'eth0');
  // The newest is the one that the kernel calls from.
  for (const address of [ELSEWHERE6, HOST6]) lab.ip(node, 'address', 'add', `${address}/64`, 'dev', 'eth0', 'nodad');
  [app, proxy, host] = [await Traffic.start(pod, 1000), await Traffic.start(pod, PROXY_UID), await Traffic.start(node)];
  for (const port of [8080, 8081]) await app.listenTcp(port, 'application');
  await proxy.listenTcp(15006, 'inbound proxy');
  await proxy.listenTcp(15001, 'outbound proxy');
  await proxy.listenTcp(15021, 'proxy health');
  await proxy.listenTcp(15000, 'administration');
  await host.listenTcp(8080, 'remote');
  applyNftInNetns(pod, renderRedirect(REDIRECT));
}, 60_000);
afterAll(async () => {
  for (const traffic of [app, proxy, host]) await traffic.stop();
  lab.close();
});

describe.each([
  { pod: POD, host: HOST, elsewhere: ELSEWHERE, loopback: '127.0.0.1' },
  { pod: POD6, host: HOST6, elsewhere: ELSEWHERE6, loopback: '::1' },
])('a redirected pod, at $pod', (at) => {
  test('takes what comes in through the proxy, whatever the port', async () => {
    expect(await host.answerOf(at.pod, 8080)).toBe('inbound proxy');
    expect(await host.answerOf(at.pod, 12_345)).toBe('inbound proxy');
  });

  test('sends what the application dials through the proxy, its own address too', async () => {
    expect(await app.answerOf(at.host, 8080)).toBe('outbound proxy');
    expect(await app.answerOf(at.pod, 8080)).toBe('outbound proxy');
  });

  test('leaves the proxy itself and loopback alone', async () => {
    expect(await proxy.answerOf(at.host, 8080)).toBe('remote');
    expect(await proxy.answerOf(at.pod, 8080)).toBe('application');
    expect(await proxy.answerOf(at.loopback, 8080)).toBe('application');
    expect(await app.answerOf(at.loopback, 8080)).toBe('application');
  });

  test('answers probes of the node, and of nobody else, past the proxy', async () => {
    expect(await host.answerOf(at.pod, 8081)).toBe('application');
    expect(await host.answerOf(at.pod, 15_021)).toBe('proxy health');
    const node = await Traffic.start('/run/netns/'.concat(path.basename(pod).replace(/pod$/, 'host')));
    applyNftInNetns(pod, renderRedirect({ ...REDIRECT, hostAddresses: [at.elsewhere] }));
    expect(await node.answerOf(at.pod, 8081)).toBe('inbound proxy');
    applyNftInNetns(pod, renderRedirect(REDIRECT));
    await node.stop();
  });

  test('shuts the capturing ports to those who dial them', async () => {
    expect(await host.dial(at.pod, 15_006)).toBe('silence');
    expect(await host.dial(at.pod, 15_001)).toBe('silence');
  });

  test('opens the administration of its proxy to marked packets only, whoever sends them', async () => {
    for (const process of [app, proxy]) expect(await process.dial(at.loopback, 15_000)).toBe('ECONNREFUSED');
    const socket = new Socket({ fd: connectTcp(pod, 15_000, REDIRECT.administration.mark) });
    socket.write('who are you?\n');
    const [answer] = await once(socket, 'data');
    socket.destroy();
    expect(String(answer)).toContain('administration');
  });

  test('has one table, however often it is applied', () => {
    for (let times = 0; times < 3; times += 1) applyNftInNetns(pod, renderRedirect(REDIRECT));
    const ruleset = execFileSync('ip', ['netns', 'exec', path.basename(pod), 'nft', 'list', 'ruleset'], {
      encoding: 'utf8',
    });
    expect(ruleset.match(/redirect to :15006/g)).toHaveLength(1);
    expect(ruleset.match(/^table/gm)).toHaveLength(1);
  });
});
