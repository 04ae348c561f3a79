import type { KubernetesNetworkPolicy, Namespace, Node, Pod, Service } from '../../src/api/kubernetes.ts';
import type { ClusterNetworkPolicy } from '../../src/api/cluster-network-policy.ts';
import type { IPBlock } from '../../src/api/generated/ipblock.ts';
import type { IPPool } from '../../src/api/generated/ippool.ts';
import type { NetworkPolicy } from '../../src/api/generated/networkpolicy.ts';
import { UPDATE_LIMIT_BYTES } from '../../src/stream/plan-update.ts';
import { NodeStateCompiler } from '../../src/controllers/node-state/compiler.ts';
import { followProgress } from '../../src/controllers/node-state/progress.ts';
import { Store } from '../../src/kube/store.ts';
import { DesiredTable } from '../../src/model/node/desired.ts';
import { createPolicyIndex } from '../../src/model/policy/policy-index.ts';
import { encodeUpdate } from '../../src/stream/encode-update.ts';
import { NodeSync, type SequencedUpdate } from '../../src/stream/node-sync.ts';
import type { World } from './world.ts';

/** What a pod's change makes for the node. */
export interface EncodedChange {
  readonly bytes: Uint8Array;
  readonly upserts: number;
  readonly patches: number;
}

/** The operator from its stores to the update of one node, wired as in src/cmd, without API server and connection. */
export class OperatorSide {
  readonly #pods = new Store<Pod>();
  readonly #table = new DesiredTable();
  readonly #compiler: NodeStateCompiler;
  readonly #sync: NodeSync;
  readonly #node: string;

  constructor(world: World, node: string) {
    this.#node = node;
    const stores = {
      nodes: new Store<Node>(),
      pods: this.#pods,
      namespaces: new Store<Namespace>(),
      services: new Store<Service>(),
      pools: new Store<IPPool>(),
      blocks: new Store<IPBlock>(),
      kubernetesPolicies: new Store<KubernetesNetworkPolicy>(),
      policies: new Store<NetworkPolicy>(),
      clusterPolicies: new Store<ClusterNetworkPolicy>(),
    };
    this.#compiler = new NodeStateCompiler(
      {
        stores,
        table: this.#table,
        policies: createPolicyIndex(),
        trust: { trustDomain: 'cluster.local', trustBundlePem: '' },
        progress: followProgress(stores),
        meshOf: () => undefined,
      },
      () => undefined,
    );
    stores.nodes.replace(world.nodes, '1');
    stores.pools.replace([world.pool], '1');
    stores.blocks.replace(world.blocks, '1');
    stores.namespaces.replace(world.namespaces, '1');
    stores.kubernetesPolicies.replace(world.policies, '1');
    this.#pods.replace(world.pods, '1');
    this.#compiler.flush();
    this.#table.takeDirty();
    this.#sync = new NodeSync(node, this.#table, []);
    this.#sync.setPrimary(true, undefined);
  }

  /** What a node that holds nothing is sent, piece by piece; each counts as acknowledged when the next is asked for. */
  *initialUpdates(): IterableIterator<Uint8Array> {
    for (
      let update = this.#sync.next(UPDATE_LIMIT_BYTES);
      update !== undefined;
      update = this.#sync.next(UPDATE_LIMIT_BYTES)
    ) {
      yield encodeUpdate(update);
      this.#acknowledge(update);
    }
  }

  /** A watch event of one pod, up to the update it makes for the node. @throws when it makes none. */
  change(pod: Pod): EncodedChange {
    this.#pods.set(pod);
    this.#compiler.flush();
    this.#sync.mark(this.#table.takeDirty().get(this.#node) ?? []);
    const update = this.#sync.next(UPDATE_LIMIT_BYTES);
    if (update === undefined) throw new Error(`${this.#node} need not know of ${pod.metadata.name}'s new labels`);
    this.#acknowledge(update);
    const { upserts, setPatches } = update;
    return { bytes: encodeUpdate(update), upserts: upserts.length, patches: setPatches.length };
  }

  #acknowledge({ seq, upserts, setPatches, removals }: SequencedUpdate): void {
    const patched = setPatches.map(({ key, toVersion }) => ({ kind: 'addressSet', key, version: toVersion }));
    this.#sync.acknowledge({ ownSeq: seq, applied: [...upserts, ...patched], removed: removals, failed: [] });
  }
}
