import { readdirSync } from 'node:fs';
import type { Clock } from '../lib/clock.ts';
import { isOwnLink } from './dataplane/leftovers.ts';
import { foreignNetworks } from '../model/node/foreign-network.ts';
import type { NodeReportIr } from '../model/node/report.ts';
import type { BgpSpeaker } from './bgp/speaker.ts';
import { isEchoed } from './dataplane/echo.ts';
import { listLinks } from './dataplane/netlink/link.ts';
import type { Netns } from './dataplane/netns.ts';
import type { PolicyTable } from './dataplane/nft/policy-table.ts';
import type { NodeNetwork } from './network.ts';
import { managedLinks } from './link-managers.ts';
import { composeNodeReport, type NodeReportFacts } from './node-report.ts';
import { Paths } from './paths.ts';
import type { NodeServices } from './services.ts';
import type { ResourceStore } from './state/resources.ts';

export interface SelfViewDeps {
  readonly version: string;
  readonly host: Netns;
  readonly resources: ResourceStore;
  readonly policy: PolicyTable;
  readonly services: NodeServices;
  readonly network: NodeNetwork;
  readonly bgp: BgpSpeaker;
  /** Folder of CNI configuration. */
  readonly cniConfig: string;
  /** The node's /run. */
  readonly runOfNode: string;
  readonly clock: Clock;
}

/** What the node finds when it looks at itself and around. */
export class SelfView {
  readonly #deps: SelfViewDeps;
  readonly #paths: Paths;
  #foreignNetworks: readonly string[] = [];

  constructor(deps: SelfViewDeps) {
    this.#deps = deps;
    this.#paths = new Paths({
      resources: deps.resources,
      podMtu: () => deps.network.podMtu,
      isEchoed: (request) => isEchoed(deps.host, request, deps.clock),
    });
  }

  report(state: Pick<NodeReportFacts, 'serving' | 'faults' | 'policyOpenings'>): NodeReportIr {
    const { version, network, policy, services, bgp } = this.#deps;
    return composeNodeReport({
      ...state,
      agentVersion: version,
      podMtu: network.podMtu,
      forwardDrops: policy.foreignForwardDrop(),
      services: services.report(),
      bgp: bgp.report(),
      foreignNetworks: this.#foreignNetworks,
      pathFaults: this.#paths.faults,
    });
  }

  /** Whether pods' packets reach the other nodes. */
  lookAround(): Promise<void> {
    return this.#paths.look();
  }

  /** Lists all links and chains: for once a minute. */
  lookForOthers(): void {
    const { host, policy, services, cniConfig, runOfNode } = this.#deps;
    const links = listLinks(host.rtnetlink);
    this.#foreignNetworks = foreignNetworks({
      links: links.map(({ name }) => name),
      managed: managedLinks(runOfNode, links.filter(isOwnLink)),
      chains: policy.foreignChains(),
      configurations: readdirSync(cniConfig),
      isProxyThere: services.report() !== 'Weft',
    });
  }
}
