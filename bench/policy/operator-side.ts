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
  readonly #syncs: ReadonlyMap<string, NodeSync>;
  readonly #node: string;
  readonly stores;

  /** @param others nodes that are told everything too. */
  constructor(world: World, node: string, others: readonly string[] = []) {
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
    this.stores = stores;
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
    this.#sync = this.#follow(node);
    this.#syncs = new Map([node, ...others].map((name) => [name, name === node ? this.#sync : this.#follow(name)]));
    for (const name of others) this.#catchUp(name);
  }

  #follow(node: string): NodeSync {
    const sync = new NodeSync(node, this.#table, []);
    sync.setPrimary(true, undefined);
    return sync;
  }

  #catchUp(node: string): void {
    const sync = this.#syncs.get(node);
    for (let update = sync?.next(UPDATE_LIMIT_BYTES); update !== undefined; update = sync?.next(UPDATE_LIMIT_BYTES)) {
      acknowledge(sync, update);
    }
  }

  /** What a node that holds nothing is sent, piece by piece; each counts as acknowledged when the next is asked for. */
  *initialUpdates(): IterableIterator<Uint8Array> {
    for (
      let update = this.#sync.next(UPDATE_LIMIT_BYTES);
      update !== undefined;
      update = this.#sync.next(UPDATE_LIMIT_BYTES)
    ) {
      yield encodeUpdate(update);
      acknowledge(this.#sync, update);
    }
  }

  /** A watch event of one pod, up to the update it makes for the node. @throws when it makes none. */
  change(pod: Pod): EncodedChange {
    this.#pods.set(pod);
    this.#compiler.flush();
    this.#sync.mark(this.#table.takeDirty().get(this.#node) ?? []);
    const update = this.#sync.next(UPDATE_LIMIT_BYTES);
    if (update === undefined) throw new Error(`${this.#node} need not know of ${pod.metadata.name}'s new labels`);
    acknowledge(this.#sync, update);
    const { upserts, setPatches } = update;
    return { bytes: encodeUpdate(update), upserts: upserts.length, patches: setPatches.length };
  }

  /** Whatever was put into the stores, up to the bytes of every update that it makes; those of the node itself first. */
  flush(): { readonly own: readonly Uint8Array[]; readonly nodes: number } {
    this.#compiler.flush();
    const dirty = this.#table.takeDirty();
    const own: Uint8Array[] = [];
    for (const [node, refs] of dirty) {
      const sync = this.#syncs.get(node);
      sync?.mark(refs);
      for (let update = sync?.next(UPDATE_LIMIT_BYTES); update !== undefined; update = sync?.next(UPDATE_LIMIT_BYTES)) {
        const bytes = encodeUpdate(update);
        if (node === this.#node) own.push(bytes);
        acknowledge(sync, update);
      }
    }
    return { own, nodes: dirty.size };
  }
}

function acknowledge(sync: NodeSync | undefined, { seq, upserts, setPatches, removals }: SequencedUpdate): void {
  const patched = setPatches.map(({ key, toVersion }) => ({ kind: 'addressSet', key, version: toVersion }));
  sync?.acknowledge({ ownSeq: seq, applied: [...upserts, ...patched], removed: removals, failed: [] });
}
