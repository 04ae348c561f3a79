import type { Node } from '../../api/kubernetes.ts';
import type { DesiredStatus, StatusHolder, StatusWriter } from '../../kube/apply.ts';
import { DONE, type Reconciler, type ReconcileResult } from '../../kube/controller.ts';
import type { Kind } from '../../kube/kinds.ts';
import type { StoreReader } from '../../kube/store.ts';
import type { Clock } from '../../lib/clock.ts';
import type { AnyRef } from '../../model/node/desired-update.ts';
import type { ChainIr } from '../../model/node/ir.ts';
import { setsOfChain } from '../../model/policy/chain-sets.ts';
import type { JudgedPod, PolicyFootprint } from '../../model/policy/policy-index.ts';
import { PendingPatience } from '../pending-patience.ts';
import { type JudgingFacts, policyStatus, type PolicyStatus } from '../../model/status/policy.ts';
import type { ProgramTarget } from '../../model/status/programmed.ts';

/** A kind of policies that have a status. */
export interface PolicyKind<T extends StatusHolder> {
  readonly kind: Kind<T>;
  readonly policies: StoreReader<T>;
  /** The policy's name among those of all kinds, by its key. */
  readonly originOf: (key: string) => string;
  /** What of the status the kind has fields for. */
  readonly shown: (status: PolicyStatus) => DesiredStatus;
}

export interface PolicyStatusDeps {
  readonly nodes: StoreReader<Node>;
  readonly status: StatusWriter;
  readonly footprints: {
    footprint(origin: string): PolicyFootprint | undefined;
    chain(key: string): ChainIr | undefined;
  };
  readonly clock: Clock;
  /** Every node has reported, or the time for it is over. */
  readonly isSettled: () => boolean;
  /** What each node should hold. */
  readonly table: { version(node: string, ref: AnyRef): string | undefined };
  readonly mesh: {
    /** Ports that the pod's proxy reads as HTTP; none for a pod without one. */
    httpPorts(pod: JudgedPod): readonly number[];
    /** What the pod's proxy has said of the pod's resource. */
    word(podUid: string, kind: string, key: string): Pick<ProgramTarget, 'acknowledged' | 'rejected'>;
  };
  /** What each node says it holds. */
  readonly held: {
    version(node: string, ref: AnyRef): string | undefined;
    error(node: string, ref: AnyRef): string | undefined;
    isConnected(node: string): boolean;
  };
}

/** Writes how many pods a policy selects and whether their nodes' kernels hold it. Key: the policy's. Leader only. */
export class PolicyStatusReconciler<T extends StatusHolder> implements Reconciler {
  readonly #of: PolicyKind<T>;
  readonly #deps: PolicyStatusDeps;
  readonly #patience: PendingPatience;

  constructor(of: PolicyKind<T>, deps: PolicyStatusDeps) {
    this.#of = of;
    this.#deps = deps;
    this.#patience = new PendingPatience(deps.clock);
  }

  async reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult> {
    const { kind, policies, originOf, shown } = this.#of;
    const { footprints, status } = this.#deps;
    const policy = policies.get(key);
    const footprint = policy === undefined ? undefined : footprints.footprint(originOf(key));
    if (policy === undefined || footprint === undefined) return DONE;
    const targets = [...footprint.nodes].map(([node, chains]) => this.#target(node, chains));
    const { judged } = footprint;
    const desired = policyStatus({
      ...(judged === undefined ? {} : { judging: this.#judging(judged) }),
      selectedPods: footprint.selectedPods,
      problems: footprint.problems,
      targets,
      ...(policy.metadata.generation === undefined ? {} : { generation: policy.metadata.generation }),
      stored: policy.status?.conditions ?? [],
      isSettled: this.#deps.isSettled(),
    });
    return this.#patience.heldBack(key, desired.conditions) ?? status.write(kind, policy, shown(desired), signal);
  }

  /** A proxy that has said nothing yet gets the newest form before its pod serves. */
  #judging(judged: readonly JudgedPod[]): JudgingFacts {
    const { table, held, mesh } = this.#deps;
    const without = judged.filter((pod) => mesh.httpPorts(pod).length === 0).map(({ key }) => key);
    const proxies = judged.flatMap(({ key, uid, nodeName }): ProgramTarget[] => {
      const word = mesh.word(uid, 'pod', uid);
      if (word.acknowledged === undefined && word.rejected === undefined) return [];
      const wanted = table.version(nodeName, { kind: 'pod', key: uid }) ?? '';
      return [{ name: `proxy of ${key}`, isReachable: held.isConnected(nodeName), wanted, ...word }];
    });
    return { proxies, without: without.sort() };
  }

  /** A node has the policy when it holds the chains that carry it and the sets these name, all in today's version. */
  #target(node: string, chains: readonly string[]): ProgramTarget {
    const { table, held, footprints, nodes } = this.#deps;
    const refs = chains.flatMap((key): AnyRef[] => {
      const chain = footprints.chain(key);
      const sets = chain === undefined ? [] : setsOfChain(chain);
      return [{ kind: 'chain', key }, ...sets.map((set) => ({ kind: 'addressSet', key: set }))];
    });
    const versions = (of: (ref: AnyRef) => string | undefined) => refs.map((ref) => of(ref) ?? '').join(',');
    const wanted = versions((ref) => table.version(node, ref));
    const failed = refs.map((ref) => held.error(node, ref)).find((message) => message !== undefined);
    const isReady = nodes
      .get(node)
      ?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
    return {
      name: node,
      isReachable: isReady === true || held.isConnected(node),
      wanted,
      acknowledged: versions((ref) => held.version(node, ref)),
      ...(failed === undefined ? {} : { rejected: { version: wanted, message: failed } }),
    };
  }
}
