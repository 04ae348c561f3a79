import { existsSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { ApplyError, HeldResource, NodeUpdate } from '../model/node/desired-update.ts';
import type { NodeReportIr } from '../model/node/report.ts';
import type { PodIr, ResourceKind } from '../model/node/ir.ts';
import type { BlockAnswer, BlockRequest } from './block-requests.ts';
import { UpdateApplier } from './apply-update.ts';
import { Attacher, type PodAttachment } from './cni/attach.ts';
import { type CniFolders, type CniPrograms, installConflist, installPrograms, uninstallCni } from './cni/install.ts';
import { doPendingDeletes } from './cni/pending.ts';
import { PodWaiter } from './cni/pods.ts';
import { type CniObserver, type CniServer, serveCni } from './cni/server.ts';
import { removeAll } from './dataplane/leftovers.ts';
import { Netns } from './dataplane/netns.ts';
import type { RuleCounter } from './dataplane/nft/inspect.ts';
import { BridgeGuard } from './dataplane/nft/bridge-guard.ts';
import { HostPortTable } from './dataplane/nft/host-ports/table.ts';
import { PolicyTable } from './dataplane/nft/policy-table.ts';
import { applySysctls, FORWARDING } from './dataplane/sysctl.ts';
import { isMacvlan, MacvlanPods } from './macvlan-pods.ts';
import { bindingOf, NodeNetwork, type PodMesh } from './network.ts';
import { NodeBlocks } from './node-blocks.ts';
import { composeNodeReport } from './node-report.ts';
import { liveLeases } from './live-leases.ts';
import { NodeLeases } from './state/leases.ts';
import { ResourceStore } from './state/resources.ts';

interface PodAddresses {
  readonly podUid: string;
  readonly addresses: readonly string[];
}

/** The operators, as this agent needs them. `stream/` is them. */
export interface Operators {
  setLeases(leases: readonly PodAddresses[]): void;
  requestBlock(request: BlockRequest): Promise<BlockAnswer>;
  /** Empty when nobody owns the block now, else why it stays. */
  giveBack(block: { readonly cidr: string; readonly uid: string }): Promise<string>;
  /** Those of `addresses` that no node knows by their last holder any more. */
  requestForgotten(addresses: readonly string[]): Promise<readonly string[]>;
  /** Resolves when the nodes that need the pod's address know it; rejects when `signal` aborts. */
  requestKnown(pod: PodAddresses, signal: AbortSignal): Promise<void>;
  reportNode(report: NodeReportIr): void;
  /** Whether one takes requests now. */
  arePresent(): boolean;
}

export interface NodeAgentOptions {
  /** Of Weft, as it is shown to people. */
  readonly version: string;
  /** /var/lib/weft: what survives a restart. */
  readonly stateFolder: string;
  /** /run/weft: the shim's socket. */
  readonly runFolder: string;
  readonly cni: CniFolders;
  readonly programs: CniPrograms;
  readonly mesh: (
    resources: ResourceStore,
  ) => PodMesh & { readonly changed: (kinds: ReadonlySet<ResourceKind>) => void };
  readonly observer: NodeAgentObserver;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Told as it happens, for metrics. */
export interface NodeAgentObserver {
  readonly cniAnswered: CniObserver;
  /** Something that others changed was put back. */
  readonly repaired: (what: string) => void;
}

/** How often attachments whose namespace is gone are looked for: some runtimes never call GC. */
const COLLECT_EVERY_MS = 60_000;
/** How often the kernel is looked at: what a stranger changed is put back within this. */
const VERIFY_EVERY_MS = 5_000;
const FORGET_RETRY_MS = 1_000;
const GIVE_BACK_EVERY_MS = 15_000;
/** An ADD is not held up longer than this by nodes that are slow to learn of it. */
const ANNOUNCE_PATIENCE_MS = 200;

/** Everything that this node does, but for talking to operators: it goes on from what it was told last when they are away. */
export class NodeAgent {
  readonly resources: ResourceStore;
  readonly #options: NodeAgentOptions;
  readonly #host = Netns.open();
  readonly #policy = new PolicyTable();
  readonly #hostPorts = new HostPortTable();
  readonly #bridges = new BridgeGuard();
  readonly #macvlans: MacvlanPods;
  readonly #leases: NodeLeases;
  readonly #network: NodeNetwork;
  readonly #applier: UpdateApplier;
  readonly #attacher: Attacher;
  readonly #waiter: PodWaiter;
  readonly #mesh: ReturnType<NodeAgentOptions['mesh']>;
  readonly #blocks: NodeBlocks;
  #operators: Operators | undefined;
  #cni: CniServer | undefined;
  #fault: string | undefined = 'the agent is starting';
  #isServing = false;
  #isAskingToForget = false;
  #isStopped = false;
  #repairsTold = 0;

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
      liveLeases(this.#host, this.#hostPorts, this.#macvlans),
    );
    const [hostPorts, bridges] = [this.#hostPorts, this.#bridges];
    const deps = { resources: this.resources, policy: this.#policy, logger };
    this.#network = new NodeNetwork({
      ...deps,
      hostPorts,
      macvlans: this.#macvlans,
      bridges,
      host: this.#host,
      mesh: this.#mesh,
    });
    this.#applier = new UpdateApplier({
      ...deps,
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
      announced: (attachment) => this.#announced(attachment),
      requestBlock: (wish) => this.#blocks.request(wish),
      clock,
      logger,
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
    await this.#hostPorts.reset(this.#leases.all());
    await this.#bridges.reset(this.#leases.all().filter(({ wiring }) => wiring?.link?.kind === 'Bridge'));
    await this.#macvlans.reset(this.#leases.all());
    await this.#restore();
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
    this.#every(VERIFY_EVERY_MS, () => this.#verify());
  }

  /** Call once the operators can be told things. */
  attach(operators: Operators): void {
    this.#operators = operators;
    this.#tellLeases();
    this.#tellNode();
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

  /** What the rules of policies have counted. Asks the kernel. */
  ruleCounters(): readonly RuleCounter[] {
    return this.#policy.counters();
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
    await removeAll(this.#host);
    await this.#hostPorts.reset([]);
    await this.#bridges.reset([]);
    for (const attachment of this.#leases.all().filter(isMacvlan)) this.#macvlans.cutOff(attachment);
    await this.#macvlans.reset([]);
    await this.#policy.remove();
    this.resources.discard();
    rmSync(path.join(this.#options.stateFolder, 'leases.journal'), { force: true });
    rmSync(path.join(this.#options.stateFolder, 'pending-del'), { recursive: true, force: true });
    rmSync(path.join(this.#options.runFolder, 'cni.sock'), { force: true });
    return [];
  }

  /** Stops serving; what runs keeps running. */
  async stop(): Promise<void> {
    this.#isStopped = true;
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
      pods: pods.map(({ pod, attachment }) => bindingOf(pod, attachment)),
    });
    await this.#network.applyNode();
    for (const { pod, attachment } of pods) this.#reopenMesh(pod, attachment);
  }

  /** One broken namespace must not keep the others from their proxies. */
  #reopenMesh(pod: PodIr, attachment: PodAttachment): void {
    if (!existsSync(attachment.netns)) return;
    try {
      this.#mesh.open(pod, attachment);
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
    this.#operators?.setLeases(this.#leases.all().map(({ podUid, addresses }) => ({ podUid, addresses })));
    this.#askForBlocks();
    this.#askToForget();
  }

  #tellNode(): void {
    const report = composeNodeReport({
      serving: this.#isServing,
      faults: this.notReady(),
      agentVersion: this.#options.version,
      podMtu: this.#network.podMtu,
      forwardDrops: this.#policy.foreignForwardDrop(),
    });
    this.#operators?.reportNode(report);
  }

  /** The nodes whose policies name the pod have its address, or have had time enough. Never rejects. */
  async #announced({ podUid, addresses }: PodAttachment): Promise<void> {
    if (this.#operators?.arePresent() !== true) return;
    const patience = new AbortController();
    const cancel = this.#options.clock.after(ANNOUNCE_PATIENCE_MS, () => patience.abort());
    await this.#operators.requestKnown({ podUid, addresses }, patience.signal).catch(() => undefined);
    cancel();
  }

  /** A released address rests until every node has forgotten who had it; the journal keeps it resting over restarts. */
  #askToForget(): void {
    const { clock } = this.#options;
    const addresses = this.#leases.unacknowledged();
    if (this.#operators === undefined || this.#isAskingToForget || this.#isStopped || addresses.length === 0) return;
    this.#isAskingToForget = true;
    const again = () => {
      this.#isAskingToForget = false;
      this.#askToForget();
    };
    this.#operators
      .requestForgotten(addresses)
      .then((forgotten) => this.#leases.acknowledge(forgotten))
      .catch(() => undefined)
      .finally(() => clock.after(FORGET_RETRY_MS, again));
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
      return pod === undefined ? [] : [bindingOf(pod, attachment)];
    });
    if (bind.length === 0) return;
    this.#options.logger.info('pods found again after the journal was lost', { count: bind.length });
    await this.#policy.apply({ pods: { bind } });
    this.#tellLeases();
  }

  async #collect(): Promise<void> {
    const valid = this.#leases.all().filter(({ netns }) => netns === '' || existsSync(netns));
    if (valid.length < this.#leases.all().length) await this.#attacher.collect(valid);
    const orphans = await this.#attacher.collectOrphans();
    this.#network.tidy(this.#leases.all());
    if (orphans > 0) this.#options.logger.info('links without a lease removed', { count: orphans });
  }

  /** What others have changed is put back, and counted. */
  async #verify(): Promise<void> {
    const { logger, observer } = this.#options;
    this.#tellNode();
    if (!this.#policy.verify()) await this.#policy.repair();
    for (; this.#repairsTold < this.#policy.repairs; this.#repairsTold += 1) {
      logger.warn('the policy table was changed by somebody else; it was put back');
      observer.repaired('policy table');
    }
    for (const [what, table] of [
      ['host ports', this.#hostPorts],
      ['bridge guard', this.#bridges],
      ['macvlan marks', this.#macvlans],
    ] as const) {
      if (!(await table.repair())) continue;
      logger.warn('a table was changed by somebody else; it was put back', { table: what });
      observer.repaired(what);
    }
    if ((await this.#network.applyNode()).length > 0) observer.repaired('node network');
    const links = await this.#attacher.repair();
    if (links === 0) return;
    logger.warn('links or routes of pods were taken away by somebody else; put back', { count: links });
    observer.repaired('pod link');
  }

  #every(ms: number, work: () => Promise<void>): void {
    this.#options.clock.after(ms, () => {
      if (this.#isStopped) return;
      work()
        .catch((error: unknown) => this.#options.logger.error('periodic work failed', { error: String(error) }))
        .finally(() => this.#every(ms, work));
    });
  }
}
