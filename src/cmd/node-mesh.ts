import path from 'node:path';
import { renderNames } from '../agent/dataplane/nft/host-names.ts';
import { applyNftInNetns, renderRedirect } from '../agent/dataplane/nft/redirect.ts';
import { listenUnixAbstract, peerUid } from '../agent/dataplane/unix-listener.ts';
import { resolveBy } from '../agent/dns/resolve.ts';
import { WatchedNames } from '../agent/dns/watched-names.ts';
import { connectTcp, listenTcp } from '../agent/dataplane/tcp-socket.ts';
import type { CallReport } from '../agent/envoy/call-totals.ts';
import { Proxies } from '../agent/envoy/proxies.ts';
import type { ProxyReport } from '../agent/envoy/proxies-ports.ts';
import { Identities } from '../agent/identity/identities.ts';
import { KnownNamesFile } from '../agent/state/known-names.ts';
import type { ResourceStore } from '../agent/state/resources.ts';
import type { ProxyViewAsk } from '../model/mesh/proxy-view.ts';
import { familyOf } from '../lib/ip.ts';
import type { NameReport } from '../model/node/report.ts';
import { systemClock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { generateKey, privateKeyPem } from '../pki/certificate.ts';
import { createCsr } from '../pki/csr.ts';
import type { AgentServer } from '../stream/agent-server.ts';
import { AdsServer } from '../xds/ads-server.ts';

/** One proxy each time. */
const HEAL_EVERY_MS = 10_000;

/** The node's half of the mesh: discovery for proxies, their identities, and what they acknowledge. */
export class NodeMesh {
  readonly #ads: AdsServer;
  readonly #identities: Identities;
  readonly #logger: Logger;
  readonly #known: KnownNamesFile;
  #proxies: Proxies | undefined;
  #names: WatchedNames | undefined;
  #server: AgentServer | undefined;
  /** Proxies that were there before the operators could be told. */
  #early: ProxyReport[] = [];

  readonly #healing: NodeJS.Timeout;

  /**
   * @param stateFolder where what names lead to is kept, for the next agent.
   * @param healed called for each resource that a proxy did not hold as it had said.
   */
  constructor(stateFolder: string, healed: () => void, logger: Logger) {
    this.#logger = logger;
    this.#healing = setInterval(() => void this.#heal(healed), HEAL_EVERY_MS);
    this.#known = new KnownNamesFile(path.join(stateFolder, 'names.json'));
    this.#ads = new AdsServer({
      onAck: ({ proxyKey, typeUrl, versions }) => this.#proxies?.acked(proxyKey, typeUrl, versions),
      onNack: ({ proxyKey, typeUrl, name, version, message }) =>
        this.#proxies?.nacked(proxyKey, typeUrl, name, version, message),
      logger,
    });
    this.#identities = new Identities({
      createKey: () => {
        const key = generateKey();
        return { privateKeyPem: privateKeyPem(key), csrDer: createCsr(key) };
      },
      requestCertificate: async (_spiffeId, csrDer, podUid) =>
        this.#server?.requests.certificate({ csrDer, podUid }) ?? { problem: 'the agent is starting' },
      changed: () => this.#proxies?.identityChanged(),
      clock: systemClock,
      random: Math.random,
      logger,
    });
  }

  /** Proxies that are served. */
  get proxyCount(): number {
    return this.#proxies?.count ?? 0;
  }

  /** What the proxies have carried. */
  async calls(): Promise<CallReport> {
    return (await this.#proxies?.calls()) ?? { sent: [], served: [] };
  }

  /** A part of a pod's proxy. Rejects when it does not answer. */
  async view(ask: ProxyViewAsk): Promise<string> {
    if (this.#proxies === undefined) throw new Error('the agent is starting');
    return this.#proxies.view(ask);
  }

  /** What became of the names that services are found by. */
  names(): readonly NameReport[] {
    return this.#names?.reports() ?? [];
  }

  start(resources: ResourceStore): Proxies {
    this.#names = new WatchedNames({
      resolve: resolveBy(),
      families: () => [...new Set((resources.get('node', 'self')?.addresses ?? []).map(familyOf))].sort(),
      known: this.#known,
      clock: systemClock,
      logger: this.#logger,
    });
    this.#proxies = new Proxies({
      resources,
      names: this.#names,
      server: this.#ads,
      identities: this.#identities,
      namespaces: {
        redirect: (netns, redirect) => applyNftInNetns(netns, renderRedirect(redirect)),
        redirectNames: (netns, names, port) => applyNftInNetns(netns, renderNames(names, port)),
        listen: listenUnixAbstract,
        ...{ listenTcp, connectTcp },
        peerUid,
      },
      report: (report) => (this.#server === undefined ? this.#early.push(report) : this.#server.reportProxy(report)),
      left: async (pod, signal) => this.#server?.requests.left(pod, signal) ?? 'the agent is starting',
      clock: systemClock,
      logger: this.#logger,
    });
    return this.#proxies;
  }

  /** From now on operators can be told, and asked for certificates. */
  attach(server: AgentServer): void {
    this.#server = server;
    for (const report of this.#early) server.reportProxy(report);
    this.#early = [];
  }

  /** Nothing of it stays on disk. */
  discard(): void {
    this.#names?.close();
    this.#known.discard();
  }

  close(): void {
    clearInterval(this.#healing);
    this.#names?.close();
    this.#ads.close();
    this.#identities.close();
  }

  async #heal(healed: () => void): Promise<void> {
    const count = (await this.#proxies?.healNext()) ?? 0;
    for (let time = 0; time < count; time += 1) healed();
  }
}
