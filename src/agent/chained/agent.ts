import { existsSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { ApplyError, HeldResource, NodeUpdate } from '../../model/node/desired-update.ts';
import type { ChainIr, PodIr } from '../../model/node/ir.ts';
import { UpdateApplier } from '../apply-update.ts';
import type { PodAttachment } from '../cni/attach.ts';
import { installPrograms, uninstallCni } from '../cni/install.ts';
import { doPendingDeletes } from '../cni/pending.ts';
import { PodWaiter } from '../cni/pods.ts';
import { type CniServer, serveCni } from '../cni/server.ts';
import { Inspector } from '../dataplane/nft/inspect.ts';
import { inNetns } from '../dataplane/netns.ts';
import type { Operators } from '../lease-talk.ts';
import type { NodeAgentOptions } from '../node-agent.ts';
import type { NodeInspector } from '../node-inspector.ts';
import { composeNodeReport } from '../node-report.ts';
import { ResourceStore } from '../state/resources.ts';
import { ChainedAttachments } from './attachments.ts';
import { ChainedAttacher } from './attacher.ts';
import { chainInto, unchain, watchConfigurations } from './conflists.ts';

const COLLECT_EVERY_MS = 60_000;
const CHAIN_EVERY_MS = 5_000;
const NO_ADDRESSES = 'Weft is chained behind another CNI on this node, which has the addresses';
const NO_POLICY = 'Weft is chained behind another CNI on this node, and enforces no policy there; see: cni.chained';

/** Everything that this node does behind another CNI, which has the pods' network: the mesh, and no more. */
export class ChainedAgent {
  readonly resources: ResourceStore;
  readonly #options: NodeAgentOptions;
  readonly #mesh: ReturnType<NodeAgentOptions['mesh']>;
  readonly #attachments: ChainedAttachments;
  readonly #waiter: PodWaiter;
  readonly #attacher: ChainedAttacher;
  readonly #applier: UpdateApplier;
  readonly #stopping = new AbortController();
  #operators: Operators | undefined;
  #cni: CniServer | undefined;
  #fault: string | undefined = 'the agent is starting';
  /** Why Weft is in no list of plugins; undefined when it is. */
  #unchained: string | undefined = 'the agent has not been told of its node yet';

  constructor(options: NodeAgentOptions) {
    const { stateFolder, clock, logger } = options;
    mkdirSync(stateFolder, { recursive: true, mode: 0o700 });
    mkdirSync(options.runFolder, { recursive: true });
    this.#options = options;
    this.resources = new ResourceStore(path.join(stateFolder, 'resources.json'), clock);
    this.#mesh = options.mesh(this.resources);
    this.#attachments = new ChainedAttachments(path.join(stateFolder, 'chained.json'));
    this.#waiter = new PodWaiter({ all: () => [...this.resources.all('pod')].map(([, pod]) => pod) }, clock);
    this.#attacher = new ChainedAttacher({
      pods: this.#waiter,
      attachments: this.#attachments,
      mesh: this.#mesh,
      redirectFaults,
      podOf: (uid) => this.resources.get('pod', uid),
      broken: () => this.#fault,
    });
    this.#applier = new UpdateApplier({
      resources: this.resources,
      leases: { all: () => [] },
      policy: { apply: async () => undefined },
      network: { applyNode: async () => [], cutOff: () => new Map(), limit: () => new Map(), binding: nobodysBinding },
      bgp: { apply: async () => undefined },
      services: { apply: async () => new Map(), nodeChanged: async () => undefined },
      changed: (kinds) => {
        if (kinds.has('pod')) this.#waiter.podsChanged();
        this.#mesh.changed(kinds);
        this.#chain();
      },
      logger,
    });
  }

  /** Serves the pods that run already, then the runtime. */
  async start(): Promise<void> {
    const { cni, programs, runFolder, stateFolder, observer, clock, logger } = this.#options;
    for (const attachment of this.#attachments.all()) {
      const pod = this.resources.get('pod', attachment.podUid);
      if (pod !== undefined && existsSync(attachment.netns)) this.#open(pod, attachment);
    }
    installPrograms(cni, programs);
    await doPendingDeletes(path.join(stateFolder, 'pending-del'), this.#attacher.handle, logger);
    this.#cni = await serveCni(path.join(runFolder, 'cni.sock'), this.#attacher.handle, {
      ...{ clock, logger },
      answered: observer.cniAnswered,
    });
    this.#fault = undefined;
    watchConfigurations(cni.config, () => this.#chain(), this.#stopping.signal);
    this.#chain();
    this.#every(CHAIN_EVERY_MS, () => this.#chain());
    this.#every(COLLECT_EVERY_MS, () =>
      this.#attacher.collect(this.#attachments.all().filter(({ netns }) => existsSync(netns))),
    );
  }

  /** Call once the operators can be told things. */
  attach(operators: Operators): void {
    this.#operators = operators;
    operators.setLeases([]);
    this.#tellNode();
  }

  /** What has rules of Weft's own policies is refused: nobody may think that it is in force. */
  readonly apply = async (update: NodeUpdate): Promise<readonly ApplyError[]> => {
    const refused = update.upserts.filter(({ kind, body }) => kind === 'chain' && !isOthers(body as ChainIr));
    const upserts = update.upserts.filter((resource) => !refused.includes(resource));
    const errors = await this.#applier.apply({ ...update, upserts });
    return [...errors, ...refused.map(({ kind, key }) => ({ kind, key, message: NO_POLICY }))];
  };

  /** The pods' addresses are the other CNI's. */
  readonly addresses: Pick<NodeInspector, 'inspect' | 'repair' | 'lend'> = {
    inspect: async () => ({ blocks: [], lent: [], attachments: [], resting: [], strayLinks: [], strayRoutes: [] }),
    lend: async () => ({ problem: NO_ADDRESSES }),
    repair: async () => ({
      done: [],
      refused: [NO_ADDRESSES],
    }),
  };

  held(): Iterable<HeldResource> {
    return this.resources.versions();
  }

  notReady(): readonly string[] {
    return this.#fault === undefined ? [] : [this.#fault];
  }

  get leaseCount(): number {
    return 0;
  }

  ruleCounters(): readonly never[] {
    return [];
  }

  /** Takes Weft out of the other CNI's list and off the node. Refused (as text) while pods are in the mesh, unless forced. */
  async teardown({ force }: { readonly force: boolean }): Promise<readonly string[]> {
    const meshed = this.#attachments
      .all()
      .filter(({ podUid }) => this.resources.get('pod', podUid)?.mesh !== undefined);
    if (meshed.length > 0 && !force) {
      return [`${meshed.length} pods of this node are in Weft's mesh; delete them or force`];
    }
    const { cni, programs, runFolder, stateFolder } = this.#options;
    this.#stopping.abort();
    this.#fault = 'Weft is being removed from this node';
    const left = unchain(cni.config);
    // Who still names the program must find it.
    if (left.length > 0) return left;
    uninstallCni(cni, programs);
    await this.#cni?.close();
    for (const attachment of this.#attachments.all()) this.#mesh.close(attachment);
    this.#attachments.discard();
    this.resources.discard();
    rmSync(path.join(stateFolder, 'pending-del'), { recursive: true, force: true });
    rmSync(path.join(runFolder, 'cni.sock'), { force: true });
    return [];
  }

  /** Stops serving; what runs keeps running. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#cni?.close();
    this.resources.save();
  }

  /** One broken namespace must not keep the others from their proxies. */
  #open(pod: PodIr, attachment: PodAttachment): void {
    try {
      this.#mesh.open(pod, attachment);
    } catch (error) {
      this.#options.logger.error('the proxy of a pod is not served', { pod: pod.name, reason: String(error) });
    }
  }

  /** A pod that starts without Weft in the list is not in the mesh: its last plugin it is, as soon as it can serve. */
  #chain(): void {
    if (this.#stopping.signal.aborted || this.#cni === undefined) return;
    if (this.resources.get('node', 'self') === undefined) return;
    const before = this.#unchained;
    this.#unchained = chainInto(this.#options.cni.config);
    if (this.#unchained !== undefined && this.#unchained !== before) {
      this.#options.logger.warn('not chained', { reason: this.#unchained });
    }
    this.#tellNode();
  }

  #tellNode(): void {
    const report = composeNodeReport({
      serving: this.#unchained === undefined,
      faults: [...this.notReady(), ...(this.#unchained === undefined ? [] : [this.#unchained])],
      agentVersion: this.#options.version,
      podMtu: undefined,
      forwardDrops: [],
      services: 'Off',
      foreignNetworks: [],
      pathFaults: undefined,
      bgp: undefined,
      policyOpenings: undefined,
    });
    this.#operators?.reportNode(report);
  }

  #every(ms: number, work: () => void): void {
    this.#options.clock.after(ms, () => {
      if (this.#stopping.signal.aborted) return;
      try {
        work();
      } catch (error) {
        this.#options.logger.error('periodic work failed', { error: String(error) });
      }
      this.#every(ms, work);
    });
  }
}

/** Of Kubernetes' own policies, which are the other CNI's to enforce. */
function isOthers({ rules, limits, bandwidth }: ChainIr): boolean {
  if (limits !== undefined || bandwidth !== undefined) return false;
  return rules.length > 0 && rules.every(({ origin }) => origin.startsWith('KubernetesNetworkPolicy '));
}

/** There is no policy table. */
function nobodysBinding(_pod: PodIr, { hostInterface, addresses }: PodAttachment) {
  return { hostInterface, addresses };
}

function redirectFaults(netns: string): readonly string[] {
  const inspector = inNetns(netns, () => new Inspector('weft_mesh'));
  try {
    return inspector.hasTable() ? [] : [`the pod's namespace lacks table inet weft_mesh`];
  } finally {
    inspector.close();
  }
}
