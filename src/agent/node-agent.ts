import { existsSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { ApplyError, HeldResource, NodeUpdate } from '../model/node/desired-update.ts';
import type { PodIr, ResourceKind } from '../model/node/ir.ts';
import { UpdateApplier } from './apply-update.ts';
import { speakerOf } from './bgp/node-speaker.ts';
import type { BgpSpeaker } from './bgp/speaker.ts';
import { Attacher, type PodAttachment } from './cni/attach.ts';
import { type CniFolders, type CniPrograms, installConflist, installPrograms, uninstallCni } from './cni/install.ts';
import { doPendingDeletes } from './cni/pending.ts';
import { PodWaiter } from './cni/pods.ts';
import { type CniObserver, type CniServer, serveCni } from './cni/server.ts';
import { removeAll } from './dataplane/leftovers.ts';
import { Netns } from './dataplane/netns.ts';
import { HostPorts } from './dataplane/nft/host-ports.ts';
import { type CountedTotal, CounterTotals } from './dataplane/nft/counted.ts';
import { BridgeGuard } from './dataplane/nft/bridge-guard.ts';
import { PolicyTable } from './dataplane/nft/policy-table.ts';
import { ServiceTable } from './dataplane/nft/services/service-table.ts';
import { listPodInterfaces } from './dataplane/pod-interfaces.ts';
import { applySysctls, FORWARDING } from './dataplane/sysctl.ts';
import { liveLeases } from './live-leases.ts';
import { isMacvlan, MacvlanPods } from './macvlan-pods.ts';
import { hostPortsOf, NodeNetwork, type PodMesh, restoredBinding } from './network.ts';
import { NodeBlocks } from './node-blocks.ts';
import { NodeInspector } from './node-inspector.ts';
import { NodeLoans } from './node-loans.ts';
import { LeaseTalk, type Operators } from './lease-talk.ts';
import { findOtherProxy } from './other-proxy.ts';
import { ServiceHealth } from './service-health.ts';
import { SelfView } from './self-view.ts';
import { NodeServices, type ServiceMode } from './services.ts';
import { NodeLeases } from './state/leases.ts';
import { ResourceStore } from './state/resources.ts';
import { Upkeep } from './upkeep.ts';

export interface NodeAgentOptions {
  /** Of Weft, as it is shown to people. */
  readonly version: string;
  /** /var/lib/weft: what survives a restart. */
  readonly stateFolder: string;
  /** /run/weft: the shim's socket. */
  readonly runFolder: string;
  /** The node's /run, to read. */
  readonly runOfNode: string;
  readonly cni: CniFolders;
  readonly programs: CniPrograms;
  /** How BIRD is called; used on clusters with a BGPConfiguration. */
  readonly bird: readonly string[];
  readonly mesh: (
    resources: ResourceStore,
  ) => PodMesh & { readonly changed: (kinds: ReadonlySet<ResourceKind>) => void };
  readonly services: ServiceMode;
  readonly observer: NodeAgentObserver;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Told as it happens, for metrics. */
export interface NodeAgentObserver {
  readonly cniAnswered: CniObserver;
  /** Something that others changed was put back. */
  readonly repaired: (what: string) => void;
  /** Others had changed the policy table, and pods were without it for so long at most, in milliseconds. */
  readonly policyOpened: (atMostMs: number) => void;
}

/** How often attachments whose namespace is gone are looked for: some runtimes never call GC. */
const COLLECT_EVERY_MS = 60_000;
/** How often the kernel is looked at: what a stranger changed is put back within this. */
const VERIFY_EVERY_MS = 5_000;
const PATHS_EVERY_MS = 5_000;
const GIVE_BACK_EVERY_MS = 15_000;

/** Everything that this node does, but for talking to operators: it goes on from what it was told last when they are away. */
export class NodeAgent {
  readonly resources: ResourceStore;
  /** What the node knows of addresses, for whoever asks. */
  readonly addresses: NodeInspector;
  readonly #options: NodeAgentOptions;
  readonly #host = Netns.open();
  readonly #policy = new PolicyTable();
  readonly #counted = new CounterTotals();
  readonly #hostPorts = new HostPorts();
  readonly #bridges = new BridgeGuard();
  readonly #macvlans: MacvlanPods;
  readonly #leases: NodeLeases;
  readonly #network: NodeNetwork;
  readonly #applier: UpdateApplier;
  readonly #attacher: Attacher;
  readonly #waiter: PodWaiter;
  readonly #mesh: ReturnType<NodeAgentOptions['mesh']>;
  readonly #blocks: NodeBlocks;
  readonly #loans: NodeLoans;
  readonly #leaseTalk: LeaseTalk;
  readonly #bgp: BgpSpeaker;
  readonly #services: NodeServices;
  #operators: Operators | undefined;
  #cni: CniServer | undefined;
  #fault: string | undefined = 'the agent is starting';
  #isServing = false;
  #isStopped = false;
  readonly #upkeep: Upkeep;
  readonly #self: SelfView;

  constructor(options: NodeAgentOptions) {
    const { stateFolder, clock, logger } = options;
    mkdirSync(stateFolder, { recursive: true, mode: 0o700 });
    mkdirSync(options.runFolder, { recursive: true });
    this.#options = options;
    this.resources = new ResourceStore(path.join(stateFolder, 'resources.json'), clock);
    this.#mesh = options.mesh(this.resources);
    this.#macvlans = new MacvlanPods(this.#host, this.resources);
    this.#blocks = new NodeBlocks({ resources: this.resources, office: () => this.#operators, clock, logger });
    this.#leases = new NodeLeases(stateFolder, clock, this.#blocks.leasable(), () =>
      liveLeases(this.#host, this.#macvlans),
    );
    this.#leaseTalk = new LeaseTalk({
      leases: this.#leases,
      operators: () => this.#operators,
      clock,
      isOver: () => this.#isStopped,
    });
    this.#loans = new NodeLoans({
      leases: this.#leases,
      blocks: this.#blocks,
      ask: (ask) => this.#operators?.requestLoans(ask),
      changed: () => this.#addressesChanged(),
      ...{ clock, logger },
    });
    const deps = { resources: this.resources, policy: this.#policy, logger };
    this.#network = new NodeNetwork({
      ...deps,
      host: this.#host,
      hostPorts: this.#hostPorts,
      bridges: this.#bridges,
      macvlans: this.#macvlans,
      mesh: this.#mesh,
    });
    this.#bgp = speakerOf(this.#host, options);
    this.#services = new NodeServices({
      resources: this.resources,
      mode: options.services,
      rules: new ServiceTable(),
      health: new ServiceHealth(),
      findOtherProxy,
      logger,
    });
    this.#applier = new UpdateApplier({
      ...deps,
      bgp: this.#bgp,
      services: this.#services,
      leases: this.#leases,
      network: this.#network,
      changed: (kinds) => this.#changed(kinds),
    });
    this.#waiter = new PodWaiter({ all: () => [...this.resources.all('pod')].map(([, pod]) => pod) }, clock);
    this.#attacher = new Attacher({
      pods: this.#waiter,
      leases: this.#leases,
      dataplane: this.#network,
      broken: () => this.#fault,
      leasesChanged: () => this.#tellLeases(),
      announced: (attachment) => this.#leaseTalk.announced(attachment),
      requestBlock: (wish) => (this.#leases.isBlind ? undefined : this.#blocks.request(wish)),
      clock,
      logger,
    });
    this.#self = new SelfView({
      ...{
        version: options.version,
        cniConfig: options.cni.config,
        runOfNode: options.runOfNode,
        host: this.#host,
        resources: this.resources,
      },
      ...{ policy: this.#policy, services: this.#services, network: this.#network, bgp: this.#bgp, clock },
    });
    this.addresses = new NodeInspector({
      leases: this.#leases,
      blocks: () => this.#blocks.cidrs(),
      lend: (ask) => this.#loans.lend(ask),
      links: () => listPodInterfaces(this.#host),
      check: (attachment) => this.#network.check(attachment),
      attacher: this.#attacher,
    });
    this.#upkeep = new Upkeep({
      policy: this.#policy,
      services: this.#services,
      tables: { 'host ports': this.#hostPorts, 'bridge guard': this.#bridges, 'macvlan marks': this.#macvlans },
      network: this.#network,
      attacher: this.#attacher,
      ...{ repaired: options.observer.repaired, policyOpened: options.observer.policyOpened },
      ...{ clock, logger },
    });
  }

  /**
   * Puts what was last known into force, then serves the runtime. An ADD that comes now waits until there is more.
   * @throws when the kernel refuses the node's basic set-up.
   */
  async start(): Promise<void> {
    const { cni, programs, runFolder, observer, clock, logger } = this.#options;
    applySysctls(this.#host, FORWARDING);
    await this.#policy.open();
    await this.#bridges.reset(this.#leases.all().filter(({ wiring }) => wiring?.link?.kind === 'Bridge'));
    await this.#macvlans.reset(this.#leases.all());
    await this.#restore();
    await this.#services.start();
    this.#self.lookForOthers();
    installPrograms(cni, programs);
    await doPendingDeletes(path.join(this.#options.stateFolder, 'pending-del'), this.#attacher.handle, logger);
    this.#cni = await serveCni(path.join(runFolder, 'cni.sock'), this.#attacher.handle, {
      ...{ clock, logger },
      answered: observer.cniAnswered,
    });
    this.#fault = undefined;
    this.#serveWhenReady();
    this.#every(COLLECT_EVERY_MS, () => this.#collect());
    this.#every(GIVE_BACK_EVERY_MS, () => this.#blocks.giveBack(this.#leases));
    this.#every(GIVE_BACK_EVERY_MS, () => this.#loans.look());
    this.#every(PATHS_EVERY_MS, () => this.#self.lookAround());
    this.#every(VERIFY_EVERY_MS, () => this.#upkeep.look().finally(() => this.#tellNode()));
    this.#every(VERIFY_EVERY_MS, () => this.#bgp.check());
  }

  /** Call once the operators can be told things. */
  attach(operators: Operators): void {
    this.#operators = operators;
    this.#tellLeases();
    this.#tellNode();
    void this.#loans.look();
  }

  readonly apply = (update: NodeUpdate): Promise<readonly ApplyError[]> => this.#applier.apply(update);

  held(): Iterable<HeldResource> {
    return this.resources.versions();
  }

  /** Why agent or data plane is broken; empty when they work. A missing pool is the cluster's state, not a fault. */
  notReady(): readonly string[] {
    return this.#fault === undefined ? [] : [this.#fault];
  }

  /** Addresses that attachments hold. */
  get leaseCount(): number {
    return this.#leases.all().length;
  }

  /** What the rules of policies have counted since the agent's start. Asks the kernel. */
  ruleCounters(): readonly CountedTotal[] {
    return this.#counted.update(this.#policy.counters());
  }

  /** Takes everything of Weft's off this node. Refused (as text) while pods hold addresses, unless forced. */
  async teardown({ force }: { readonly force: boolean }): Promise<readonly string[]> {
    const pods = this.#leases.all().length;
    if (pods > 0 && !force) return [`${pods} pods of this node are on Weft's network; delete them or force`];
    this.#isStopped = true;
    this.#fault = 'Weft is being removed from this node';
    uninstallCni(this.#options.cni, this.#options.programs);
    await this.#cni?.close();
    for (const attachment of this.#leases.all()) this.#mesh.close(attachment);
    this.#operators?.setLeases([]);
    await this.#bgp.apply(undefined);
    await removeAll(this.#host);
    await this.#bridges.reset([]);
    for (const attachment of this.#leases.all().filter(isMacvlan)) this.#macvlans.cutOff(attachment);
    await this.#macvlans.reset([]);
    await this.#policy.remove();
    await this.#services.remove();
    await this.#hostPorts.reset([]);
    this.resources.discard();
    rmSync(path.join(this.#options.stateFolder, 'leases.journal'), { force: true });
    rmSync(path.join(this.#options.stateFolder, 'pending-del'), { recursive: true, force: true });
    rmSync(path.join(this.#options.runFolder, 'cni.sock'), { force: true });
    return [];
  }

  /** Stops serving; what runs keeps running. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#bgp.leave();
    await this.#cni?.close();
    this.resources.save();
  }

  async #restore(): Promise<void> {
    const node = this.resources.get('node', 'self');
    if (node === undefined) return;
    this.#leases.adopt([...this.resources.all('pod')].map(([, pod]) => pod));
    const pods = this.#leases.all().flatMap((attachment) => {
      const pod = this.resources.get('pod', attachment.podUid);
      return pod === undefined ? [] : [{ pod, attachment }];
    });
    await this.#policy.reset(this.#network.nodeFacts(node), {
      sets: new Map(this.resources.all('addressSet')),
      chains: new Map(this.resources.all('chain')),
      pods: pods.map(({ pod, attachment }) => restoredBinding(pod, attachment)),
    });
    await this.#hostPorts.reset(pods.flatMap(({ pod, attachment }) => hostPortsOf(pod, attachment) ?? []));
    await this.#network.applyNode();
    for (const { pod, attachment } of pods) this.#reopenMesh(pod, attachment);
    await this.#bgp.restore(this.resources.get('bgp', 'self'));
  }

  /** One broken namespace must not keep the others from their proxies. */
  #reopenMesh(pod: PodIr, attachment: PodAttachment): void {
    if (!existsSync(attachment.netns)) return;
    try {
      this.#mesh.open(pod, attachment, true);
    } catch (error) {
      this.#options.logger.error('the proxy of a pod is not served', { pod: pod.name, reason: String(error) });
    }
  }

  #changed(kinds: ReadonlySet<ResourceKind>): void {
    if (kinds.has('block') || kinds.has('pool')) this.#leases.setBlocks(this.#blocks.leasable());
    if (kinds.has('pod')) {
      this.#waiter.podsChanged();
      this.#adopt().catch((error: unknown) => this.#options.logger.error('pods not bound', { reason: String(error) }));
    }
    this.#mesh.changed(kinds);
    this.#serveWhenReady();
    this.#askForBlocks();
  }

  /** Which addresses may be leased has changed. */
  #addressesChanged(): void {
    this.#leases.setBlocks(this.#blocks.leasable());
    this.#leaseTalk.askToForget();
    this.#askForBlocks();
  }

  /** The conflist makes the node Ready: it appears after the first state and the first block. */
  #serveWhenReady(): void {
    if (this.#isServing || this.#isStopped || this.#cni === undefined) return;
    if (this.resources.get('node', 'self') === undefined || this.#blocks.cidrs().length === 0) return;
    this.#isServing = true;
    installConflist(this.#options.cni);
    this.#options.logger.info('serving pods', { blocks: this.#blocks.cidrs() });
    this.#tellNode();
  }

  #tellLeases(): void {
    this.#leaseTalk.tell();
    // The ADD or DEL that brought this about does not wait for what the next one may need.
    setImmediate(() => {
      this.#askForBlocks();
      this.#leaseTalk.askToForget();
    });
  }

  #tellNode(): void {
    const { policyOpenings } = this.#upkeep;
    const state = { serving: this.#isServing, faults: this.notReady(), policyOpenings };
    this.#operators?.reportNode(this.#self.report(state));
  }

  /** So that addresses are ready before pods come. */
  #askForBlocks(): void {
    this.#blocks.keepEnough(this.#leases, () => this.#isStopped);
  }

  /** Pods whose leases were rebuilt get their policy back; until then their interfaces are closed. */
  async #adopt(): Promise<void> {
    const pods = [...this.resources.all('pod')].map(([, pod]) => pod);
    const bind = this.#leases.adopt(pods).flatMap((attachment) => {
      const pod = this.resources.get('pod', attachment.podUid);
      return pod === undefined ? [] : [this.#network.binding(pod, attachment)];
    });
    if (bind.length === 0) return;
    this.#options.logger.info('pods found again after the journal was lost', { count: bind.length });
    await this.#policy.apply({ pods: { bind } });
    this.#tellLeases();
  }

  async #collect(): Promise<void> {
    this.#self.lookForOthers();
    const valid = this.#leases.all().filter(({ netns }) => netns === '' || existsSync(netns));
    if (valid.length < this.#leases.all().length) await this.#attacher.collect(valid);
    const orphans = await this.#attacher.collectOrphans();
    this.#network.tidy(this.#leases.all());
    if (orphans > 0) this.#options.logger.info('links without a lease removed', { count: orphans });
  }

  /** What others have changed is put back, and counted. */
  #every(ms: number, work: () => Promise<void>): void {
    this.#options.clock.after(ms, () => {
      if (this.#isStopped) return;
      work()
        .catch((error: unknown) => this.#options.logger.error('periodic work failed', { error: String(error) }))
        .finally(() => this.#every(ms, work));
    });
  }
}
