import type { BGPConfiguration, BGPConfigurationSpec } from '../../api/generated/bgpconfiguration.ts';
import type { BGPPeer } from '../../api/generated/bgppeer.ts';
import type { IPBlock } from '../../api/generated/ipblock.ts';
import type { IPPool } from '../../api/generated/ippool.ts';
import type { EndpointSlice, Node, Service } from '../../api/kubernetes.ts';
import { REASON } from '../../api/reasons.ts';
import type { StoreReader } from '../../kube/store.ts';
import { shortHash } from '../../lib/hash.ts';
import { type BgpNode, bgpNodeOf } from '../../model/bgp/bgp-node.ts';
import { type PasswordOf, peerProblem, usablePeer } from '../../model/bgp/peer-problem.ts';
import { type BgpWorld, sessionsOf } from '../../model/bgp/sessions.ts';
import { translateBgp } from '../../model/bgp/translate-bgp.ts';
import { isUnagreed, lentRanges } from '../../model/ipam/borrowed.ts';
import type { DesiredTable } from '../../model/node/desired.ts';
import type { BgpSessionIr } from '../../model/node/ir.ts';
import type { Problem } from '../../model/problem.ts';
import { BgpServiceIndex } from './service-index.ts';

export interface BgpStores {
  readonly nodes: StoreReader<Node>;
  readonly pools: StoreReader<IPPool>;
  readonly blocks: StoreReader<IPBlock>;
  readonly services: StoreReader<Service>;
  readonly endpointSlices: StoreReader<EndpointSlice>;
  readonly bgpConfigurations: StoreReader<BGPConfiguration>;
  readonly bgpPeers: StoreReader<BGPPeer>;
}

export interface BgpCompilerDeps {
  readonly stores: BgpStores;
  readonly table: Pick<DesiredTable, 'setOwn' | 'removeOwn'>;
  readonly passwordOf: PasswordOf;
}

/** A session that a node has by a BGPPeer. */
export interface PeerSession {
  readonly node: string;
  /** Of the other end. */
  readonly address: string;
}

/** The only name that a BGPConfiguration can have. */
const CONFIGURATION = 'default';
const NOT_CONFIGURED: Problem = {
  path: 'metadata.name',
  reason: REASON.noBgpConfiguration,
  message: "waits for the BGPConfiguration 'default': create it, and the nodes speak BGP",
};

/** Keeps what each node is told of BGP true to the stores: nothing, where there is no BGPConfiguration. */
export class BgpCompiler {
  readonly #deps: BgpCompilerDeps;
  readonly #services: BgpServiceIndex;
  #isChanged = true;
  /** Of what sessions follow from. */
  #isTopologyChanged = true;
  #topology = '';
  #sessions: ReadonlyMap<string, readonly BgpSessionIr[]> = new Map();
  #byPeer: ReadonlyMap<string, readonly PeerSession[]> = new Map();
  #problems: ReadonlyMap<string, Problem> = new Map();
  /** Node → what follows for it from all but its sessions, as it was told last. */
  #told = new Map<string, string>();

  /** @param wake called when there is something to flush. */
  constructor(deps: BgpCompilerDeps, wake: () => void) {
    this.#deps = deps;
    const { nodes, pools, blocks, services, endpointSlices, bgpConfigurations, bgpPeers } = deps.stores;
    const changed = () => {
      this.#isChanged = true;
      if (this.#configuration !== undefined || this.#told.size > 0) wake();
    };
    const topologyChanged = () => {
      this.#isTopologyChanged = true;
      changed();
    };
    this.#services = new BgpServiceIndex(services, endpointSlices, changed);
    for (const store of [pools, blocks]) store.onChange(changed);
    for (const store of [nodes, bgpConfigurations, bgpPeers]) store.onChange(topologyChanged);
  }

  /** Call when `passwordOf` may answer differently. */
  passwordsChanged(): void {
    this.#isTopologyChanged = true;
    this.#isChanged = true;
  }

  /** Brings the table up to date with the stores. Nodes that are gone have gone from the table before. */
  flush(): void {
    if (!this.#isChanged) return;
    this.#isChanged = false;
    const configuration = this.#configuration;
    if (configuration === undefined) {
      this.#end();
      return;
    }
    const nodes = this.#deps.stores.nodes.list().map(bgpNodeOf);
    const isAnew = this.#isTopologyChanged && this.#putSessions(configuration, nodes);
    this.#isTopologyChanged = false;
    this.#services.update(configuration.advertise ?? {});
    this.#putNodes(configuration, nodes, isAnew);
  }

  /** Why a BGPPeer is not what it says, on some nodes at least. */
  problemOf(peer: string): Problem | undefined {
    return this.#configuration === undefined ? NOT_CONFIGURED : this.#problems.get(peer);
  }

  /** Node and address for each session that there is by a BGPPeer. */
  sessionsOf(peer: string): readonly PeerSession[] {
    return this.#byPeer.get(peer) ?? [];
  }

  get #configuration(): BGPConfigurationSpec | undefined {
    return this.#deps.stores.bgpConfigurations.get(CONFIGURATION)?.spec;
  }

  #end(): void {
    for (const node of this.#told.keys()) this.#deps.table.removeOwn(node, 'bgp', 'self');
    this.#told.clear();
    this.#services.clear();
    this.#topology = '';
    this.#sessions = new Map();
    this.#byPeer = new Map();
    this.#problems = new Map();
    this.#isTopologyChanged = true;
  }

  /** Whether any session is another one now. */
  #putSessions(configuration: BGPConfigurationSpec, nodes: readonly BgpNode[]): boolean {
    const { stores, passwordOf } = this.#deps;
    const peers = stores.bgpPeers.list();
    const read = peers.map((peer) => [peer.metadata.name, usablePeer(peer, passwordOf)] as const);
    const usable = read.flatMap(([, one]) => ('reason' in one ? [] : one));
    const problems = new Map(read.flatMap(([name, one]) => ('reason' in one ? [[name, one] as const] : [])));
    const topology = JSON.stringify([
      configuration,
      nodes,
      usable.map(({ peer, password }) => [peer.metadata.name, peer.spec, password]),
      [...problems],
    ]);
    if (topology === this.#topology) return false;
    this.#topology = topology;
    const world: BgpWorld = { configuration, nodes, peers: usable };
    const sessions = new Map(nodes.map((node) => [node.name, sessionsOf(node, world)]));
    for (const one of usable) {
      const problem = peerProblem(one, world, sessions);
      if (problem !== undefined) problems.set(one.peer.metadata.name, problem);
    }
    this.#sessions = sessions;
    this.#byPeer = Map.groupBy(allOf(sessions), ({ peer }) => peer);
    this.#problems = problems;
    return true;
  }

  #putNodes(configuration: BGPConfigurationSpec, nodes: readonly BgpNode[], isAnew: boolean): void {
    const { stores, table } = this.#deps;
    const pools = stores.pools.list();
    const all = stores.blocks.list();
    const lent = lentRanges(all);
    const agreed = all.filter((block) => !isUnagreed(block));
    const blocks = Map.groupBy(agreed, ({ spec }) => spec.nodeUid);
    const { everywhere } = this.#services;
    const poolFacts = pools.map(({ metadata, spec }) => [metadata.name, metadata.labels, spec.cidr]);
    const shared = shortHash(JSON.stringify([everywhere, poolFacts]));
    const told = new Map<string, string>();
    for (const node of nodes) {
      const own = blocks.get(node.uid) ?? [];
      const local = this.#services.of(node.name);
      const text = shared + JSON.stringify([local, own.map(({ spec }) => [spec, lent.get(spec.cidr)])]);
      told.set(node.name, text);
      if (!isAnew && this.#told.get(node.name) === text) continue;
      const sessions = this.#sessions.get(node.name) ?? [];
      const facts = { node, blocks: own, lent, pools, services: [...everywhere, ...local], sessions };
      table.setOwn(node.name, 'bgp', 'self', translateBgp(configuration, facts));
    }
    this.#told = told;
  }
}

/** Those of the mesh are by no BGPPeer. */
function* allOf(
  sessions: ReadonlyMap<string, readonly BgpSessionIr[]>,
): Generator<PeerSession & { readonly peer: string }> {
  for (const [node, list] of sessions) {
    for (const { peer, address } of list) if (!peer.startsWith('Node/')) yield { node, address, peer };
  }
}
