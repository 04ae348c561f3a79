/**
 * The mesh half of one agent as src/cmd/node-mesh.ts wires it, with proxies at sockets of its own network namespace,
 * told of everything by its parent. Argument: how many services.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectTcp, listenTcp } from '../../src/agent/dataplane/tcp-socket.ts';
import { listenUnixAbstract, peerUid } from '../../src/agent/dataplane/unix-listener.ts';
import { Proxies } from '../../src/agent/envoy/proxies.ts';
import { Identities } from '../../src/agent/identity/identities.ts';
import { ResourceStore } from '../../src/agent/state/resources.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { Logger } from '../../src/lib/logger.ts';
import { ensureAuthority } from '../../src/pki/authority.ts';
import { generateKey, privateKeyPem } from '../../src/pki/certificate.ts';
import { createCsr, parseCsr } from '../../src/pki/csr.ts';
import { ReportedProxies } from '../../src/stream/reported-proxies.ts';
import { AdsServer } from '../../src/xds/ads-server.ts';
import { TYPE_URL } from '../../src/xds/resource-types.ts';
import { podResource, serviceResources } from './node-resources.ts';

/** What the parent asks for; each is answered by one `Answer`. */
export type Ask = { readonly open: number } | { readonly change: number } | { readonly connected: number } | 'collect';

export interface Answer {
  /** `open`: where the new proxies connect to. */
  readonly sockets?: readonly string[];
  /** `change`: until the last proxy has acknowledged it, and the agent's CPU time until it rests again. */
  readonly tookMs?: number;
  readonly cpuMs?: number;
  /** `collect`: what is left after a collection. */
  readonly heapMB?: number;
}

const OWN_NETNS = '/proc/self/ns/net';
const REST_MS = 60;
const silent = () => undefined;
const logger: Logger = { debug: silent, info: silent, warn: console.error, error: console.error };

const folder = mkdtempSync(path.join(os.tmpdir(), 'weft-bench-mesh-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
process.on('disconnect', () => process.exit());

const services = serviceResources(Number(process.argv[2]));
// Its copy on disk is not written: `save` is measured by itself.
const resources = new ResourceStore(path.join(folder, 'resources.json'), { ...systemClock, after: () => silent });
const authority = await ensureAuthority({ read: async () => undefined, create: async () => 'created' }, systemClock);
const reported = new ReportedProxies();

/** Called for each proxy that has the version, of endpoints only. */
let onEndpoints: (proxyKey: string, versions: ReadonlyMap<string, string>) => void = silent;
/** Proxies that have all listeners and routes of the node's services. */
const routes = new Map<string, number>();

const server = new AdsServer({
  onAck: ({ proxyKey, typeUrl, versions }) => {
    proxies.acked(proxyKey, typeUrl, versions);
    if (typeUrl === TYPE_URL.eds) onEndpoints(proxyKey, versions);
    if (typeUrl === TYPE_URL.rds) routes.set(proxyKey, (routes.get(proxyKey) ?? 0) + versions.size);
  },
  onNack: ({ name, message }) => console.error(`refused: ${name}: ${message}`),
  logger,
});
const identities = new Identities({
  createKey: () => {
    const key = generateKey();
    return { privateKeyPem: privateKeyPem(key), csrDer: createCsr(key) };
  },
  requestCertificate: async (spiffeId, csrDer) => {
    const key = parseCsr(csrDer);
    return typeof key === 'string' ? { problem: key } : { chainPem: authority.sign(key, [{ uri: spiffeId }]) };
  },
  changed: () => proxies.identityChanged(),
  ...{ clock: systemClock, random: Math.random, logger },
});
const proxies: Proxies = new Proxies({
  ...{ resources, server, identities, clock: systemClock, logger },
  names: { watch: silent, addressesOf: () => [], onChange: () => silent },
  namespaces: {
    ...{ redirect: silent, redirectNames: silent, connectTcp, peerUid },
    listen: (netns) => listenUnixAbstract(OWN_NETNS, netns),
    listenTcp: () => listenTcp(OWN_NETNS, 0),
  },
  report: (report) => reported.take(report),
  left: async () => '',
});

const node = { name: 'node', uid: 'node', address: '127.0.0.1', addresses: ['127.0.0.1'], tunnelAddresses: [] };
const trust = { trustDomain: 'cluster.local', trustBundlePem: authority.rootCertificatePem };
resources.set('node', 'self', '1', { ...node, ...trust });
for (const { key, service, cluster, endpoints } of services) {
  resources.set('service', key, '1', service);
  resources.set('endpoints', cluster, '1', endpoints);
}

let versions = 1;
const sockets: string[] = [];

function open(count: number): Answer {
  const opened = Array.from({ length: count }, () => {
    const socket = `weft-bench-${process.pid}-${sockets.length}`;
    const pod = podResource(sockets.length, process.getuid?.() ?? 0);
    resources.set('pod', pod.uid, '1', pod);
    const attachment = { podUid: pod.uid, containerId: 'c', ifname: 'eth0', netns: socket, addresses: ['10.64.0.1'] };
    proxies.open(pod, { ...attachment, hostInterface: 'weft0' });
    sockets.push(socket);
    return socket;
  });
  return { sockets: opened };
}

async function connected(count: number): Promise<Answer> {
  const isDone = () => [...routes.values()].filter((held) => held >= services.length).length >= count;
  while (!isDone()) await sleep(50);
  return {};
}

/** An endpoint goes, or comes back. */
async function change(index: number): Promise<Answer> {
  const service = services[index % services.length];
  if (service === undefined) throw new Error('there is no service');
  const { cluster, endpoints } = service;
  const held = resources.get('endpoints', cluster)?.endpoints.length;
  const all = endpoints.endpoints;
  versions += 1;
  const cpu = process.cpuUsage();
  const startedMs = performance.now();
  const acknowledged = new Promise<number>((resolve) => {
    const having = new Set<string>();
    onEndpoints = (proxyKey, said) => {
      if (said.has(cluster)) having.add(proxyKey);
      if (having.size === sockets.length) resolve(performance.now() - startedMs);
    };
  });
  resources.set('endpoints', cluster, String(versions), {
    ...endpoints,
    endpoints: held === all.length ? all.slice(1) : all,
  });
  proxies.changed(new Set(['endpoints']));
  const tookMs = await acknowledged;
  await sleep(REST_MS);
  const { user, system } = process.cpuUsage(cpu);
  return { tookMs, cpuMs: (user + system) / 1000 };
}

async function collect(): Promise<Answer> {
  await sleep(500);
  globalThis.gc?.();
  await sleep(500);
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return { heapMB: (heapUsed + external) / 1e6 };
}

process.on('message', async (ask: Ask) => {
  if (ask === 'collect') process.send?.(await collect());
  else if ('open' in ask) process.send?.(open(ask.open));
  else if ('connected' in ask) process.send?.(await connected(ask.connected));
  else process.send?.(await change(ask.change));
});
process.send?.({});
