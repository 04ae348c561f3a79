import type { ClusterNetworkPolicy } from '../../api/cluster-network-policy.ts';
import type { IPBlock } from '../../api/generated/ipblock.ts';
import type { IPPool } from '../../api/generated/ippool.ts';
import type { NetworkPolicy } from '../../api/generated/networkpolicy.ts';
import type { KubernetesNetworkPolicy, Namespace, Node, Pod, Service } from '../../api/kubernetes.ts';
import { type KubeObject, objectKey } from '../../api/meta.ts';
import type { StoreReader } from '../../kube/store.ts';
import type { PodMeshIr } from '../../model/node/ir.ts';
import type { DesiredTable } from '../../model/node/desired.ts';
import { applyPolicyEffects } from '../../model/node/desired-policy.ts';
import { choosePools, isOpen, POOLS_ANNOTATION } from '../../model/ipam/pool-choice.ts';
import { translatePod, translatePool } from '../../model/node/translate-node.ts';
import type { ObjectChanges } from '../../model/policy/change.ts';
import type { PolicyIndex } from '../../model/policy/policy-index.ts';
import { NodeFacts } from './node-facts.ts';
import type { StoreProgress } from './progress.ts';

export interface NodeStateStores {
  readonly nodes: StoreReader<Node>;
  readonly pods: StoreReader<Pod>;
  readonly namespaces: StoreReader<Namespace>;
  readonly services: StoreReader<Service>;
  readonly pools: StoreReader<IPPool>;
  readonly blocks: StoreReader<IPBlock>;
  readonly kubernetesPolicies: StoreReader<KubernetesNetworkPolicy>;
  readonly policies: StoreReader<NetworkPolicy>;
  readonly clusterPolicies: StoreReader<ClusterNetworkPolicy>;
}

export interface NodeStateDeps {
  readonly stores: NodeStateStores;
  readonly table: DesiredTable;
  readonly policies: PolicyIndex;
  readonly trust: { readonly trustDomain: string; readonly trustBundlePem: string };
  /** How far the stores are, those of the mesh too. */
  readonly progress: () => StoreProgress;
  /** What the mesh makes of a pod; undefined for a pod without proxy. */
  readonly meshOf: (pod: Pod) => PodMeshIr | undefined;
}

type StoreName = keyof NodeStateStores;

/**
 * Keeps the table of what each node should hold true to the stores. Changes are collected by key and worked in by
 * `flush`, whose cost grows with what changed: a pod's change never visits another node's pods.
 */
export class NodeStateCompiler {
  readonly #deps: NodeStateDeps;
  readonly #changed = new Map<StoreName, Set<string>>();
  readonly #leases = new Map<string, readonly string[] | undefined>();
  /** Pods that the mesh sees differently than at their last translation. */
  readonly #meshed = new Set<string>();
  /** Pod uid → node that was told of it. */
  readonly #podNodes = new Map<string, string>();
  readonly #podKeys = new Map<string, string>();
  /** What pods' addressing was worked out from last. */
  readonly #addressingFacts = new Map<string, string>();
  readonly #nodeFacts: NodeFacts;

  /** @param wake called when there is something to flush, again and again until `flush`. */
  constructor(deps: NodeStateDeps, wake: () => void) {
    this.#deps = deps;
    this.#nodeFacts = new NodeFacts(deps);
    for (const [name, store] of Object.entries(deps.stores) as [StoreName, StoreReader<KubeObject>][]) {
      const keys = new Set<string>();
      this.#changed.set(name, keys);
      store.onChange((key) => {
        keys.add(key);
        wake();
      });
      for (const object of store.list()) keys.add(objectKey(object));
    }
  }

  /** Addresses that nodes have leased, ahead of what pods' statuses say; undefined takes a lease back. */
  leased(leases: ReadonlyMap<string, readonly string[] | undefined>): void {
    for (const [uid, addresses] of leases) this.#leases.set(uid, addresses);
  }

  /** Keys of pods whose `meshOf` may answer differently now. */
  meshChanged(pods: Iterable<string>): void {
    for (const key of pods) this.#meshed.add(key);
  }

  /** Brings the table up to date with the stores; returns the keys of pods that changed. */
  flush(): ReadonlySet<string> {
    const nodes = this.#take('nodes');
    const pools = this.#take('pools');
    const blocks = this.#take('blocks');
    const pods = this.#take('pods');
    if (nodes.size > 0 || pools.size > 0) this.#putPools(pools);
    this.#nodeFacts.flush(nodes, blocks);
    const isReaddressed = this.#readdressed(nodes, pools);
    this.#putPolicies(pods, nodes);
    if (isReaddressed !== undefined) {
      for (const pod of this.#deps.stores.pods.list()) if (isReaddressed(pod)) this.#putPod(objectKey(pod));
    }
    for (const key of this.#meshed) this.#putPod(key);
    this.#meshed.clear();
    this.#advance();
    return pods;
  }

  #take(name: StoreName): Set<string> {
    const keys = this.#changed.get(name) ?? new Set<string>();
    const taken = new Set(keys);
    keys.clear();
    return taken;
  }

  #putPools(changed: ReadonlySet<string>): void {
    const { stores, table } = this.#deps;
    const nodes = stores.nodes.list().map(({ metadata }) => metadata.name);
    for (const pool of stores.pools.list()) table.set('pool', pool.metadata.name, translatePool(pool), nodes);
    for (const key of changed) if (stores.pools.get(key) === undefined) table.remove('pool', key);
  }

  /**
   * Which pods may get their addresses from elsewhere now; undefined: none. By the few facts that decide about it, as
   * pools' and nodes' statuses change all the time.
   */
  #readdressed(nodes: ReadonlySet<string>, pools: ReadonlySet<string>): ((pod: Pod) => boolean) | undefined {
    const { stores } = this.#deps;
    const isNew = (key: string, facts: unknown) => {
      const text = JSON.stringify(facts);
      if (this.#addressingFacts.get(key) === text) return false;
      this.#addressingFacts.set(key, text);
      return true;
    };
    const factsOf = () => stores.pools.list().map((pool) => [pool.metadata.name, isOpen(pool), pool.spec]);
    if (pools.size > 0 && isNew('pools', factsOf())) return () => true;
    const names = [...nodes].filter((name) => isNew(`node ${name}`, stores.nodes.get(name)?.metadata.labels));
    const spaces = [...(this.#changed.get('namespaces') ?? [])].filter((name) => {
      const { labels, annotations } = stores.namespaces.get(name)?.metadata ?? {};
      return isNew(`namespace ${name}`, [labels, annotations?.[POOLS_ANNOTATION]]);
    });
    if (names.length + spaces.length === 0) return undefined;
    const [ofNodes, ofSpaces] = [new Set(names), new Set(spaces)];
    return ({ metadata, spec }) => ofNodes.has(spec.nodeName ?? '') || ofSpaces.has(metadata.namespace ?? 'default');
  }

  #putPolicies(pods: ReadonlySet<string>, nodes: ReadonlySet<string>): void {
    const { stores, table, policies } = this.#deps;
    const leases = new Map(this.#leases);
    this.#leases.clear();
    const effects = policies.apply({
      pods: changesOf(stores.pods, pods),
      namespaces: changesOf(stores.namespaces, this.#take('namespaces')),
      nodes: changesOf(stores.nodes, nodes),
      services: changesOf(stores.services, this.#take('services')),
      kubernetesPolicies: changesOf(stores.kubernetesPolicies, this.#take('kubernetesPolicies')),
      policies: changesOf(stores.policies, this.#take('policies')),
      clusterPolicies: changesOf(stores.clusterPolicies, this.#take('clusterPolicies')),
      leases,
    });
    applyPolicyEffects(table, effects);
    for (const key of pods) {
      const pod = stores.pods.get(key);
      if (pod?.metadata.uid !== undefined) this.#podKeys.set(pod.metadata.uid, key);
    }
    for (const [uid] of effects.bindings) {
      const key = this.#podKeys.get(uid);
      if (key !== undefined) this.#putPod(key);
      if (policies.binding(uid) === undefined) this.#removePod(uid);
    }
    for (const key of pods) this.#putPod(key);
  }

  #putPod(key: string): void {
    const { stores, table, policies, meshOf } = this.#deps;
    const pod = stores.pods.get(key);
    const uid = pod?.metadata.uid;
    if (pod === undefined || uid === undefined) return;
    const binding = policies.binding(uid);
    if (binding === undefined) return;
    this.#podNodes.set(uid, binding.nodeName);
    const node = stores.nodes.get(binding.nodeName) ?? { metadata: { name: binding.nodeName } };
    const choice = choosePools(stores.pools.list(), pod, stores.namespaces.get(pod.metadata.namespace ?? ''), node);
    table.set('pod', uid, translatePod(pod, binding, choice, meshOf(pod)), [binding.nodeName]);
  }

  #removePod(uid: string): void {
    if (!this.#podNodes.delete(uid)) return;
    this.#podKeys.delete(uid);
    this.#deps.table.remove('pod', uid);
  }

  #advance(): void {
    const { watermark, contents } = this.#deps.progress();
    this.#deps.table.advance(watermark, contents);
  }
}

function changesOf<T extends KubeObject>(store: StoreReader<T>, keys: ReadonlySet<string>): ObjectChanges<T> {
  const upserts: T[] = [];
  const removals: string[] = [];
  for (const key of keys) {
    const object = store.get(key);
    if (object === undefined) removals.push(key);
    else upserts.push(object);
  }
  return { upserts, removals };
}
