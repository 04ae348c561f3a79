import { renderNames } from '../agent/dataplane/nft/host-names.ts';
import { applyNftInNetns, renderRedirect } from '../agent/dataplane/nft/redirect.ts';
import { listenUnixAbstract, peerUid } from '../agent/dataplane/unix-listener.ts';
import { Proxies, type ProxyReport } from '../agent/envoy/proxies.ts';
import { Identities } from '../agent/identity/identities.ts';
import type { ResourceStore } from '../agent/state/resources.ts';
import { systemClock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { generateKey, privateKeyPem } from '../pki/certificate.ts';
import { createCsr } from '../pki/csr.ts';
import type { AgentServer } from '../stream/agent-server.ts';
import { AdsServer } from '../xds/ads-server.ts';

/** The node's half of the mesh: discovery for proxies, their identities, and what they acknowledge. */
export class NodeMesh {
  readonly #ads: AdsServer;
  readonly #identities: Identities;
  readonly #logger: Logger;
  #proxies: Proxies | undefined;
  #server: AgentServer | undefined;
  /** Proxies that were there before the operators could be told. */
  #early: ProxyReport[] = [];

  constructor(logger: Logger) {
    this.#logger = logger;
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

  start(resources: ResourceStore): Proxies {
    this.#proxies = new Proxies({
      resources,
      server: this.#ads,
      identities: this.#identities,
      namespaces: {
        redirect: (netns, redirect) => applyNftInNetns(netns, renderRedirect(redirect)),
        redirectNames: (netns, names, port) => applyNftInNetns(netns, renderNames(names, port)),
        listen: listenUnixAbstract,
        peerUid,
      },
      report: (report) => (this.#server === undefined ? this.#early.push(report) : this.#server.reportProxy(report)),
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

  close(): void {
    this.#ads.close();
    this.#identities.close();
  }
}
