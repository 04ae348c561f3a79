import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { renderNames } from '../../src/agent/dataplane/nft/host-names.ts';
import { applyNftInNetns, renderRedirect } from '../../src/agent/dataplane/nft/redirect.ts';
import { connectTcp, listenTcp } from '../../src/agent/dataplane/tcp-socket.ts';
import { listenUnixAbstract, peerUid } from '../../src/agent/dataplane/unix-listener.ts';
import { renderBootstrap } from '../../src/agent/envoy/bootstrap.ts';
import type { Resolve } from '../../src/agent/dns/resolve.ts';
import { WatchedNames } from '../../src/agent/dns/watched-names.ts';
import { ProxyAdmin } from '../../src/agent/envoy/admin.ts';
import { healDrift } from '../../src/agent/envoy/drift.ts';
import { ADMIN_MARK, PROXY_PORT } from '../../src/agent/envoy/names.ts';
import { Proxies } from '../../src/agent/envoy/proxies.ts';
import type { PodName, ProxyReport } from '../../src/agent/envoy/proxies-ports.ts';
import { Identities } from '../../src/agent/identity/identities.ts';
import { ResourceStore } from '../../src/agent/state/resources.ts';
import { sleep, systemClock } from '../../src/lib/clock.ts';
import { familyOf } from '../../src/lib/ip.ts';
import type { Logger } from '../../src/lib/logger.ts';
import type { PodIr, PodMeshIr, ResourceBodies } from '../../src/model/node/ir.ts';
import { type Authority, ensureAuthority } from '../../src/pki/authority.ts';
import { generateKey, privateKeyPem } from '../../src/pki/certificate.ts';
import { createCsr, parseCsr } from '../../src/pki/csr.ts';
import { AdsServer } from '../../src/xds/ads-server.ts';
import { Http, spawnIn } from './http-lab.ts';
import { NetnsLab } from './netns-lab.ts';

export const PROXY_UID = 1337;
const APPLICATION_UID = 1000;
const SILENT: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

export interface MeshPod {
  readonly uid: string;
  readonly netns: string;
  readonly addresses: readonly string[];
  readonly application: Http;
  /** Runs as the proxy's user, so that its connections are not redirected: a caller without a proxy. */
  readonly outsider: Http;
  readonly envoy: ChildProcess;
  /** The proxy's log. */
  log: string;
  /** What it wrote of calls. */
  accessLog: string;
}

/** An agent's mesh half, as cmd wires it, with pods in network namespaces of their own and a real Envoy in each. */
export class MeshLab {
  readonly store: ResourceStore;
  readonly proxies: Proxies;
  readonly names = new WatchedNames({
    resolve: (name, family) => this.resolve(name, family),
    families: () => [4, 6],
    known: { load: () => ({}), save: () => undefined },
    clock: systemClock,
    logger: SILENT,
  });
  /** Without one of a test's there are no name servers. */
  resolve: Resolve = () => Promise.reject(new Error('no name server here'));
  /** As the operator would say that nobody sends to a pod any more. */
  left: (pod: PodName, signal: AbortSignal) => Promise<string> = async () => 'no operator here';
  readonly reports: ProxyReport[] = [];
  readonly #netns = new NetnsLab();
  readonly #folder = mkdtempSync(path.join(os.tmpdir(), 'weft-mesh-'));
  readonly #ads: AdsServer;
  readonly #identities: Identities;
  readonly #pods: MeshPod[] = [];
  #version = 0;

  private constructor(authority: Authority) {
    this.store = new ResourceStore(path.join(this.#folder, 'resources.json'), {
      ...systemClock,
      after: () => () => undefined,
    });
    this.#ads = new AdsServer({
      onAck: ({ proxyKey, typeUrl, versions }) => this.proxies.acked(proxyKey, typeUrl, versions),
      onNack: ({ proxyKey, typeUrl, name, version, message }) =>
        this.proxies.nacked(proxyKey, typeUrl, name, version, message),
      logger: SILENT,
    });
    this.#identities = new Identities({
      createKey: () => {
        const key = generateKey();
        return { privateKeyPem: privateKeyPem(key), csrDer: createCsr(key) };
      },
      requestCertificate: async (spiffeId, csrDer) => {
        const key = parseCsr(csrDer);
        return typeof key === 'string' ? { problem: key } : { chainPem: authority.sign(key, [{ uri: spiffeId }]) };
      },
      changed: () => this.proxies.identityChanged(),
      clock: systemClock,
      random: () => 0.5,
      logger: SILENT,
    });
    this.proxies = new Proxies({
      resources: this.store,
      server: this.#ads,
      namespaces: {
        redirect: (netnsPath, redirect) => applyNftInNetns(netnsPath, renderRedirect(redirect)),
        redirectNames: (netnsPath, names, port) => applyNftInNetns(netnsPath, renderNames(names, port)),
        listen: listenUnixAbstract,
        ...{ listenTcp, connectTcp },
        peerUid,
      },
      identities: this.#identities,
      names: this.names,
      report: (report) => this.reports.push(report),
      left: (pod, signal) => this.left(pod, signal),
      clock: systemClock,
      logger: SILENT,
    });
    this.set('node', 'self', {
      name: 'node',
      uid: 'node-uid',
      address: '10.9.0.254',
      addresses: ['10.9.0.254', 'fd00:9::fe'],
      tunnelAddresses: [],
      trustDomain: 'cluster.local',
      trustBundlePem: authority.rootCertificatePem,
    });
  }

  static async start(): Promise<MeshLab> {
    const stored = { read: async () => undefined, create: async () => 'created' as const };
    return new MeshLab(await ensureAuthority(stored, systemClock));
  }

  /** Two namespaces joined by a cable; each sends what is not on it to the other. */
  cable(addresses: readonly [readonly string[], readonly string[]]): readonly [string, string] {
    const [a, b] = [this.#netns.add('a'), this.#netns.add('b')];
    this.#netns.ip(a, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', path.basename(b));
    for (const [index, netns] of [a, b].entries()) {
      for (const link of ['lo', 'eth0']) this.#netns.ip(netns, 'link', 'set', link, 'up');
      for (const address of addresses[index] ?? []) {
        const prefix = familyOf(address) === 4 ? [`${address}/24`] : [`${address}/64`, 'nodad'];
        this.#netns.ip(netns, 'address', 'add', ...prefix, 'dev', 'eth0');
        this.#netns.ip(netns, `-${familyOf(address)}`, 'route', 'replace', 'default', 'dev', 'eth0');
      }
    }
    return [a, b];
  }

  set<K extends 'node' | 'pod' | 'service' | 'endpoints' | 'chain' | 'addressSet' | 'gateway' | 'gatewayCertificate'>(
    kind: K,
    key: string,
    body: ResourceBodies[K],
  ): string {
    const version = String(++this.#version);
    this.store.set(kind, key, version, body);
    this.proxies.changed(new Set([kind]));
    return version;
  }

  /** Resolves when the pod's proxy has said of exactly this version what it makes of it. */
  async answerOf(podUid: string, kind: string, key: string, version: string) {
    return this.until(`${podUid} answers for ${kind} ${key}`, () =>
      this.reports
        .filter((report) => report.podUid === podUid || report.also?.includes(podUid) === true)
        .flatMap(({ resources }) => resources)
        .find((resource) => resource.kind === kind && resource.key === key && resource.version === version),
    );
  }

  async until<T>(what: string, look: () => T | undefined | Promise<T | undefined>): Promise<T> {
    const deadline = systemClock.monotonic() + 20_000;
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      if (systemClock.monotonic() > deadline) throw new Error(`gave up waiting until ${what}\n${this.#logs()}`);
      await sleep(systemClock, 20);
    }
  }

  /** A pod as the runtime would start it: attached, then its proxy, and its application when that is ready. */
  async addPod(
    name: string,
    netns: string,
    addresses: readonly string[],
    mesh: Omit<PodMeshIr, 'spiffeId' | 'proxyUid'>,
  ): Promise<MeshPod> {
    const uid = `uid-${name}`;
    const pod: PodIr = {
      uid,
      namespace: 'shop',
      name,
      serviceAccount: name,
      addresses,
      addressing: { pools: [], families: [], fixed: [] },
      mesh: { ...mesh, spiffeId: spiffeIdOf(name), proxyUid: PROXY_UID },
    };
    this.set('pod', uid, pod);
    const attachment = { podUid: uid, netns, hostInterface: '', addresses, containerId: name, ifname: 'eth0' };
    this.proxies.open(pod, attachment);
    const envoy = spawnIn(
      netns,
      PROXY_UID,
      [
        'envoy',
        '--config-yaml',
        renderBootstrap(name),
        '--concurrency',
        '1',
        '--disable-hot-restart',
        ...['--log-level', 'warning'],
        ...['--file-flush-interval-msec', '200'],
      ],
      false,
      { OTEL_RESOURCE_ATTRIBUTES: `service.name=${name}` },
    );
    const application = await Http.start(netns, APPLICATION_UID);
    const outsider = await Http.start(netns, PROXY_UID);
    const started: MeshPod = { uid, netns, addresses, application, outsider, envoy, log: '', accessLog: '' };
    envoy.stderr?.on('data', (text: Buffer) => (started.log += text.toString()));
    envoy.stdout?.on('data', (text: Buffer) => (started.accessLog += text.toString()));
    this.#pods.push(started);
    await this.until(`the proxy of ${name} is ready`, async () => {
      const { status } = await outsider.get(`http://${hostOf(addresses[0] ?? '')}:15021/ready`);
      return status === 200 ? true : undefined;
    });
    return started;
  }

  /** As `Proxies.healNext`, of that pod. */
  heal({ netns, uid }: MeshPod, lie: (text: string) => string = (text) => text) {
    const admin = new ProxyAdmin(() => connectTcp(netns, PROXY_PORT.admin, ADMIN_MARK));
    const lying = { get: async (path: string) => lie(await admin.get(path)) };
    return healDrift({ key: `${uid}/${uid.slice(4)}`, admin: lying }, this.#ads, systemClock);
  }

  /** As an agent that was started again: new socket, new stream, nothing remembered of the proxy's answers. */
  reattach({ uid, netns, addresses }: MeshPod): void {
    const attachment = { podUid: uid, netns, hostInterface: '', addresses, containerId: uid.slice(4), ifname: 'eth0' };
    const pod = this.store.get('pod', uid);
    this.proxies.close(attachment);
    if (pod !== undefined) this.proxies.open(pod, attachment);
  }

  async close(): Promise<void> {
    for (const { envoy, application, outsider, uid, netns, addresses } of this.#pods) {
      application.stop();
      outsider.stop();
      this.proxies.close({
        podUid: uid,
        netns,
        hostInterface: '',
        addresses,
        containerId: uid.slice(4),
        ifname: 'eth0',
      });
      if (envoy.exitCode === null && envoy.kill()) await once(envoy, 'exit');
    }
    this.names.close();
    this.#ads.close();
    this.#identities.close();
    this.#netns.close();
    rmSync(this.#folder, { recursive: true });
  }

  #logs(): string {
    return this.#pods.map(({ uid, log }) => `${uid}: ${log}`).join('\n');
  }
}

/** A counter or gauge of the pod's proxy. */
export async function statOf({ netns }: MeshPod, name: string): Promise<number> {
  const admin = new ProxyAdmin(() => connectTcp(netns, PROXY_PORT.admin, ADMIN_MARK));
  const pattern = encodeURIComponent(`^${name.replaceAll(/[.|]/g, '[$&]')}$`);
  return Number((await admin.get(`/stats?filter=${pattern}`)).split(': ')[1]);
}

/** As a URL has it. */
export function hostOf(address: string): string {
  return familyOf(address) === 4 ? address : `[${address}]`;
}

export function spiffeIdOf(serviceAccount: string): string {
  return `spiffe://cluster.local/ns/shop/sa/${serviceAccount}`;
}
