import { familyOf } from '../../lib/ip.ts';
import type { Server as HttpServer } from 'node:http';
import type { Server } from 'node:net';
import { setsOfChain } from '../../model/policy/chain-sets.ts';
import { Listeners } from '../../lib/listeners.ts';
import { httpPortsOf } from '../../model/mesh/http-ports.ts';
import { RouteConfigurationSchema } from '../../xds/generated/wire/envoy/config/route/v3/route_pb.js';
import type { JudgedPod } from './authorization.ts';
import { Judging } from './judging.ts';
import type { PodIr, PodMeshIr, ResourceBodies, ResourceKind } from '../../model/node/ir.ts';
import type { PodAttachment } from '../cni/attach.ts';
import type { PodMesh } from '../network.ts';
import { Acknowledged, type ResourceReport } from './acknowledged.ts';
import { type EncodedResource, typeUrlOf } from './encoded.ts';
import { parseClusterKey } from '../../model/mesh/backends.ts';
import { EncodedSecrets } from './encoded-secrets.ts';
import { HostNames, hostNamesIn } from './host-names.ts';
import type { ProxyViewAsk } from '../../model/mesh/proxy-view.ts';
import { ProxyAdmin } from './admin.ts';
import { viewOf } from './view.ts';
import type { Changes } from './changes.ts';
import { type CallReport, CallTotals } from './call-totals.ts';
import { CALLS_PATH, parseCalls, statNameOf } from './call-counts.ts';
import { serveDrain } from './drain.ts';
import { ADMIN_MARK, AGENT_SOCKET, PROXY_PORT } from './names.ts';
import type { ProxiesDeps } from './proxies-ports.ts';
import { ProxyReports } from './proxy-reports.ts';
import { ProxyResources } from './proxy-resources.ts';
import { serveProxySocket } from './proxy-socket.ts';
import { certificatesOfGateway } from '../../model/mesh/gateway/translate-gateway.ts';
import { healDrift } from './drift.ts';
import { encodeGatewayCertificate } from './gateway.ts';
import { SharedResources } from './shared-resources.ts';
import type { FoundEndpoints, GatewayInput, Versioned } from './snapshot.ts';

interface Proxy {
  readonly key: string;
  readonly attachment: PodAttachment;
  readonly mesh: PodMeshIr;
  readonly socket: Server;
  /** Undefined where somebody else in the pod has its port. */
  readonly draining: HttpServer | undefined;
  readonly admin: ProxyAdmin;
  readonly offered: ProxyResources;
  readonly acknowledged: Acknowledged;
  readonly judging: Judging;
  /** As last applied, to tell whether it must be again. */
  redirect: string;
  names: string;
}

const TYPE_URL_OF_ROUTES = typeUrlOf(RouteConfigurationSchema);
/** Where policies judge requests. */
const JUDGED_FROM: readonly ResourceKind[] = ['chain', 'addressSet'];
const COMPILED_FROM: readonly ResourceKind[] = [
  ...(['node', 'pod', 'service', 'endpoints', 'gateway', 'gatewayCertificate'] as const),
];
/** Changes that come together are compiled together. */
const COMPILE_AFTER_MS = 5;

/** The proxies of this node's pods: lets each talk to this agent, and keeps it told. */
export class Proxies implements PodMesh {
  readonly #deps: ProxiesDeps;
  readonly #proxies = new Map<string, Proxy>();
  readonly #shared = new SharedResources();
  readonly #hostNames = new HostNames();
  readonly #secrets = new EncodedSecrets();
  readonly #reports: ProxyReports;
  readonly #calls = new CallTotals();
  readonly #judges = new Listeners<PodAttachment>();
  #isCompiling = false;
  /** Key of the proxy that was compared last. */
  #healed = '';
  /** Some pod's requests are judged by policies. */
  #areJudged = false;

  constructor(deps: ProxiesDeps) {
    this.#deps = deps;
    this.#reports = new ProxyReports(deps.report, deps.clock);
    deps.names.onChange(() => this.#compileSoon());
  }

  /** Redirects the pod's traffic and waits for its proxy; nothing for pods without one. @throws what the kernel refused. */
  open(pod: PodIr, attachment: PodAttachment, isRestored = false): void {
    const key = keyOf(attachment);
    const { mesh } = pod;
    if (mesh === undefined || this.#proxies.has(key)) return;
    const { namespaces, identities, server, logger } = this.#deps;
    const fd = namespaces.listen(attachment.netns, AGENT_SOCKET);
    const socket = serveProxySocket({
      fd,
      uid: mesh.proxyUid,
      peerUid: (descriptor) => namespaces.peerUid(descriptor),
      accepted: (connection) => server.serve(key, connection),
      proxy: key,
      logger,
    });
    const judging = new Judging(isRestored ? httpPortsOf(mesh) : []);
    const admin = new ProxyAdmin(() => namespaces.connectTcp(attachment.netns, PROXY_PORT.admin, ADMIN_MARK));
    const draining = this.#drain(pod, attachment, admin);
    const proxy: Proxy = {
      ...{ key, attachment, mesh, socket, draining, admin, judging, redirect: '', names: '' },
      ...{ offered: new ProxyResources(this.#shared, this.#hostNames), acknowledged: new Acknowledged() },
    };
    try {
      this.#redirect(proxy, mesh);
    } catch (error) {
      socket.close();
      draining?.close();
      throw error;
    }
    const shared = this.#share();
    for (const other of this.#proxies.values()) this.#follow(other, shared);
    this.#proxies.set(key, proxy);
    identities.hold(mesh.spiffeId, attachment.podUid);
    this.#redirectNames(proxy, pod);
    this.#offer(proxy, pod, shared);
  }

  get count(): number {
    return this.#proxies.size;
  }

  /** A part of a pod's proxy, Envoy's own text. Rejects when it does not answer. */
  async view({ podUid, part, filter }: ProxyViewAsk): Promise<string> {
    const proxy = [...this.#proxies.values()].findLast(({ attachment }) => attachment.podUid === podUid);
    if (proxy === undefined) throw new Error('the pod has no proxy on this node');
    return viewOf(proxy.admin, part, filter);
  }

  /** What the proxies have carried since the agent's start; those that do not answer, as they said last. */
  async calls(): Promise<CallReport> {
    const destinations = new Map([...this.#deps.resources.all('endpoints')].map(([key]) => [statNameOf(key), key]));
    const destinationOf = (name: string) => parseClusterKey(destinations.get(name) ?? '');
    await Promise.all(
      [...this.#proxies.values()].map(async ({ key, admin, attachment: { podUid } }) => {
        const pod = this.#deps.resources.get('pod', podUid);
        const text = await admin.get(CALLS_PATH).catch(() => undefined);
        if (pod === undefined || text === undefined || !this.#proxies.has(key)) return;
        this.#calls.add(key, `${pod.namespace}/${pod.serviceAccount}`, parseCalls(text), destinationOf);
      }),
    );
    return this.#calls.report();
  }

  /** Of the proxies the next in turn is compared with what it has said that it holds; how much was not so. */
  async healNext(): Promise<number> {
    const all = [...this.#proxies.values()];
    const proxy = all[(all.findIndex(({ key }) => key === this.#healed) + 1) % all.length];
    if (proxy === undefined) return 0;
    this.#healed = proxy.key;
    const { server, clock, logger } = this.#deps;
    const differences = await healDrift(proxy, server, clock).catch(() => []);
    for (const { name, said, held } of differences) {
      logger.warn('a proxy holds something else than it has said', { proxy: proxy.key, name, said, held });
    }
    return differences.length;
  }

  close(attachment: PodAttachment): void {
    const key = keyOf(attachment);
    const proxy = this.#proxies.get(key);
    if (proxy === undefined) return;
    this.#proxies.delete(key);
    this.#calls.forget(key);
    proxy.socket.close();
    proxy.draining?.close();
    proxy.draining?.closeAllConnections();
    this.#deps.server.remove(key);
    const { podUid } = attachment;
    if ([...this.#proxies.values()].some((other) => other.attachment.podUid === podUid)) return;
    this.#deps.identities.release(proxy.mesh.spiffeId, podUid);
    this.#reports.gone(podUid);
  }

  /** Call when resources of these kinds have changed, in the store. */
  changed(kinds: ReadonlySet<ResourceKind>): void {
    const from = this.#areJudged ? [...COMPILED_FROM, ...JUDGED_FROM] : COMPILED_FROM;
    if (from.some((kind) => kinds.has(kind))) this.#compileSoon();
  }

  /** Call when an identity has a certificate, or a new one. */
  identityChanged(): void {
    this.#compileSoon();
  }

  /** The proxy has these versions. */
  acked(proxyKey: string, typeUrl: string, versions: ReadonlyMap<string, string>): void {
    const proxy = this.#proxies.get(proxyKey);
    if (proxy === undefined) return;
    this.#report(proxy, proxy.acknowledged.accept(typeUrl, versions));
    if (typeUrl === TYPE_URL_OF_ROUTES && proxy.judging.accept(versions)) this.#judges.tell(proxy.attachment);
  }

  judgedPorts(attachment: PodAttachment): readonly number[] {
    return this.#proxies.get(keyOf(attachment))?.judging.ports ?? [];
  }

  get judges(): Listeners<PodAttachment>['listen'] {
    return this.#judges.listen;
  }

  /** The proxy refuses this version of this resource. */
  nacked(proxyKey: string, typeUrl: string, name: string, version: string, message: string): void {
    const proxy = this.#proxies.get(proxyKey);
    if (proxy !== undefined) this.#report(proxy, proxy.acknowledged.reject(typeUrl, name, version, message));
  }

  #compileSoon(): void {
    if (this.#isCompiling) return;
    this.#isCompiling = true;
    this.#deps.clock.after(COMPILE_AFTER_MS, () => {
      this.#isCompiling = false;
      this.#compile();
    });
  }

  #compile(): void {
    const { resources, logger } = this.#deps;
    const shared = this.#share();
    this.#areJudged = false;
    for (const proxy of this.#proxies.values()) {
      const pod = resources.get('pod', proxy.attachment.podUid);
      // A pod that is gone from the state keeps what is its own as it is until its DEL.
      if (pod?.mesh === undefined) {
        this.#follow(proxy, shared);
        continue;
      }
      try {
        this.#redirect(proxy, pod.mesh);
      } catch (error) {
        logger.error('redirect not renewed', { proxy: proxy.key, error: String(error) });
      }
      this.#redirectNames(proxy, pod);
      this.#offer(proxy, pod, shared);
    }
  }

  #offer(proxy: Proxy, pod: PodIr, shared: Changes): void {
    const version = this.#deps.resources.versionOf('pod', pod.uid) ?? '';
    const secrets = this.#secretsOf(pod);
    const judged = this.#judgedPod(proxy, pod);
    proxy.judging.expect({ version, body: pod.mesh ?? proxy.mesh }, judged);
    // Without a certificate nothing is said of the pod: a new proxy is not ready yet, and one that outlived the agent
    // keeps what it has, its certificate included, until an operator has signed a new one.
    const gateway = pod.mesh?.gateway === undefined ? undefined : this.#gatewayOf(pod.mesh.gateway);
    // Of a Gateway that is not told of yet nothing is said either.
    if (secrets.length === 0 || (pod.mesh?.gateway !== undefined && gateway === undefined)) {
      this.#follow(proxy, shared);
      return;
    }
    const hasIpv6 = proxy.attachment.addresses.some((address) => familyOf(address) === 6);
    const more = judged === undefined ? {} : { judged };
    const own =
      gateway === undefined ? { secrets } : { gateway, secrets: [...secrets, ...this.#certificatesOf(gateway)] };
    this.#tell(proxy, proxy.offered.update({ ...more, ...own, pod: { version, body: pod }, hasIpv6 }, shared));
  }

  /** Keeps a proxy in step with all others; who has not been offered anything is offered everything at first. */
  #follow(proxy: Proxy, shared: Changes): void {
    if (proxy.offered.isOffered) this.#tell(proxy, proxy.offered.follow(shared));
  }

  #tell({ key, attachment, offered, acknowledged }: Proxy, changes: Changes): void {
    if (changes.isEmpty) return;
    this.#deps.server.setSnapshot(key, offered.resources, changes.resources);
    this.#reports.add(attachment.podUid, acknowledged.offer(offered, changes));
  }

  /** Undefined where no policy says anything of requests. */
  #judgedPod({ attachment }: Proxy, { ingressChain }: PodIr): Versioned<JudgedPod> | undefined {
    const { resources } = this.#deps;
    const chain = ingressChain === undefined ? undefined : resources.get('chain', ingressChain);
    if (chain?.rules.some(({ http }) => http !== undefined) !== true) return undefined;
    this.#areJudged = true;
    const trusted = ['127.0.0.1', '::1', ...attachment.addresses, ...this.#hostAddresses(attachment)];
    const sets = setsOfChain(chain).map((key) => resources.versionOf('addressSet', key));
    return {
      version: [ingressChain, ...sets, ...trusted].join(),
      body: { chain, members: (key) => resources.get('addressSet', key), trusted },
    };
  }

  #gatewayOf(key: string): GatewayInput | undefined {
    const { resources } = this.#deps;
    const body = resources.get('gateway', key);
    return body === undefined ? undefined : { key, version: resources.versionOf('gateway', key) ?? '', body };
  }

  #certificatesOf({ body }: GatewayInput): EncodedResource[] {
    return certificatesOfGateway(body).flatMap((key) => {
      const certificate = this.#deps.resources.get('gatewayCertificate', key);
      return certificate === undefined ? [] : [encodeGatewayCertificate(key, certificate)];
    });
  }

  #secretsOf({ mesh }: PodIr): EncodedResource[] {
    const node = this.#deps.resources.get('node', 'self');
    const certificate = mesh === undefined ? undefined : this.#deps.identities.certificateOf(mesh.spiffeId);
    if (node === undefined || certificate === undefined) return [];
    return this.#secrets.of(certificate, node.trustBundlePem);
  }

  #drain({ uid, name, namespace }: PodIr, attachment: PodAttachment, admin: ProxyAdmin): HttpServer | undefined {
    const { namespaces, left, clock, logger } = this.#deps;
    const proxy = keyOf(attachment);
    try {
      return serveDrain({
        fd: namespaces.listenTcp(attachment.netns, PROXY_PORT.drain),
        isNode: (address) => this.#hostAddresses(attachment).includes(address),
        left: (signal) => left({ uid, name, namespace }, signal),
        ...{ admin, clock, logger, proxy },
      });
    } catch (error) {
      logger.error('the pod will end without waiting for its callers', { proxy, error: String(error) });
      return undefined;
    }
  }

  #hostAddresses({ nodeAddresses = [] }: PodAttachment): readonly string[] {
    const node = this.#deps.resources.get('node', 'self');
    return [...(node?.addresses ?? []), ...(node?.tunnelAddresses ?? []), ...nodeAddresses];
  }

  #redirect(proxy: Proxy, { proxyUid, probePorts, gateway }: PodMeshIr): void {
    if (gateway !== undefined) return;
    const { inbound: inboundPort, outbound: outboundPort, ready, drain, admin } = PROXY_PORT;
    const redirect = {
      ...{ proxyUid, inboundPort, outboundPort, probePorts },
      hostAddresses: this.#hostAddresses(proxy.attachment),
      excludedInboundPorts: [ready, drain],
      administration: { port: admin, mark: ADMIN_MARK },
    };
    const text = JSON.stringify(redirect);
    if (proxy.redirect === text) return;
    this.#deps.namespaces.redirect(proxy.attachment.netns, redirect);
    proxy.redirect = text;
  }

  /** Without it the pod finds services by all other names: it starts nevertheless. */
  #redirectNames(proxy: Proxy, { namespace, mesh }: PodIr): void {
    if (mesh?.gateway !== undefined) return;
    const { namespaces, logger } = this.#deps;
    const names = hostNamesIn(this.#shared.named(namespace), namespace);
    if (proxy.names === names.join()) return;
    try {
      namespaces.redirectNames(proxy.attachment.netns, names, PROXY_PORT.names);
      proxy.names = names.join();
    } catch (error) {
      logger.error('names of services not redirected', { proxy: proxy.key, error: String(error) });
    }
  }

  /** Brings what all proxies share up to date; everybody who is offered something is to be told of that. */
  #share(): Changes {
    const zone = this.#deps.resources.get('node', 'self')?.zone;
    const place = zone === undefined ? {} : { zone };
    return this.#shared.update({ services: this.#versioned('service'), endpoints: this.#endpoints(), ...place });
  }

  /** With the addresses that names lead to. */
  #endpoints(): ReadonlyMap<string, FoundEndpoints> {
    const { names } = this.#deps;
    const all: Map<string, FoundEndpoints> = this.#versioned('endpoints');
    names.watch(new Set([...all.values()].flatMap(({ body }) => body.dns?.name ?? [])));
    for (const [key, { version, body }] of all) {
      if (body.dns === undefined) continue;
      const { name, port } = body.dns;
      const addresses = names.addressesOf(name);
      const endpoints = addresses.map((address) => ({ address, port }));
      all.set(key, { version, found: addresses.join(), body: { ...body, endpoints } });
    }
    return all;
  }

  #versioned<K extends 'service' | 'endpoints'>(kind: K): Map<string, Versioned<ResourceBodies[K]>> {
    const { resources } = this.#deps;
    const all = [...resources.all(kind)].map(
      ([key, body]) => [key, { version: resources.versionOf(kind, key) ?? '', body }] as const,
    );
    return new Map(all);
  }

  #report({ attachment: { podUid } }: Proxy, reports: readonly ResourceReport[]): void {
    this.#reports.add(podUid, reports);
  }
}

/** By sandbox: the new one of a restarted pod is another proxy than the old one's. */
function keyOf({ podUid, containerId }: PodAttachment): string {
  return `${podUid}/${containerId}`;
}
