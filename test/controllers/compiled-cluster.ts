import type { ClusterNetworkPolicy } from '../../src/api/cluster-network-policy.ts';
import type { IPBlock } from '../../src/api/generated/ipblock.ts';
import type { IPPool, IPPoolSpec } from '../../src/api/generated/ippool.ts';
import type { NetworkPolicy } from '../../src/api/generated/networkpolicy.ts';
import type { KubernetesNetworkPolicy, Namespace, Node, Pod, Service } from '../../src/api/kubernetes.ts';
import type { ObjectMeta } from '../../src/api/meta.ts';
import { NodeStateCompiler } from '../../src/controllers/node-state/compiler.ts';
import { followProgress } from '../../src/controllers/node-state/progress.ts';
import { Store } from '../../src/kube/store.ts';
import { DesiredTable } from '../../src/model/node/desired.ts';
import type { PodIr } from '../../src/model/node/ir.ts';
import { blockName } from '../../src/model/node/names.ts';
import { createPolicyIndex } from '../../src/model/policy/policy-index.ts';

/** Real stores, and what the compiler makes of them. */
export class Cluster {
  readonly stores = {
    nodes: new Store<Node>(),
    pods: new Store<Pod>(),
    namespaces: new Store<Namespace>(),
    services: new Store<Service>(),
    pools: new Store<IPPool>(),
    blocks: new Store<IPBlock>(),
    kubernetesPolicies: new Store<KubernetesNetworkPolicy>(),
    policies: new Store<NetworkPolicy>(),
    clusterPolicies: new Store<ClusterNetworkPolicy>(),
  };
  readonly table = new DesiredTable();
  wakes = 0;
  readonly #compiler: NodeStateCompiler;
  #version = 0;

  constructor() {
    this.#compiler = new NodeStateCompiler(
      {
        stores: this.stores,
        table: this.table,
        policies: createPolicyIndex(),
        trust: { trustDomain: 'cluster.local', trustBundlePem: '' },
        progress: followProgress(this.stores),
        meshOf: () => undefined,
      },
      () => {
        this.wakes += 1;
      },
    );
  }

  /** Later than anything before. */
  meta(name: string, more: Partial<ObjectMeta> = {}): ObjectMeta {
    this.#version += 1;
    return { name, uid: `uid-${name}`, ...more, resourceVersion: `${this.#version}` };
  }

  node(name: string, more: Partial<ObjectMeta> = {}): void {
    const index = name.slice(1);
    const addresses = [`192.0.2.${index}`, `2001:db8::${index}`].map((address) => ({ type: 'InternalIP', address }));
    this.stores.nodes.set({ metadata: this.meta(name, more), status: { addresses } } as Node);
  }

  namespace(name: string, more: Partial<ObjectMeta> = {}): void {
    this.stores.namespaces.set({ metadata: this.meta(name, more) });
  }

  pod(key: string, nodeName: string, annotations: Readonly<Record<string, string>> = {}): void {
    const [namespace = '', name = ''] = key.split('/');
    const metadata = this.meta(name, { namespace, uid: key, annotations });
    this.stores.pods.set({ metadata, spec: { nodeName, containers: [] }, status: { phase: 'Pending' } });
  }

  pool(name: string, spec: IPPoolSpec, status: object = {}): void {
    const ready = { type: 'Ready', status: 'True' as const, reason: 'Reserved', message: '', lastTransitionTime: 't' };
    this.stores.pools.set({ metadata: this.meta(name), spec, status: { conditions: [ready], ...status } });
  }

  block(cidr: string, nodeName: string, nodeUid = `uid-${nodeName}`, uid = `uid-${cidr}`, lender?: string): void {
    const pool = cidr.includes(':') ? 'six' : 'four';
    const borrowed = lender === undefined ? {} : { lender };
    const spec = { cidr, poolName: pool, poolUid: `uid-${pool}`, nodeName, nodeUid, ...borrowed };
    this.stores.blocks.set({
      metadata: this.meta(blockName(cidr), { uid, creationTimestamp: '2026-01-01T00:00:00Z' }),
      spec,
    });
  }

  /** Pods that nodes would be told of anew, `node namespace/name`. */
  flush(): string[] {
    this.#compiler.flush();
    const dirty = [...this.table.takeDirty()].flatMap(([node, refs]) =>
      refs.filter(({ kind }) => kind === 'pod').map(({ key }) => `${node} ${key}`),
    );
    return dirty.sort();
  }

  poolsOf(key: string): readonly string[] | string | undefined {
    const addressing = this.podOf(key)?.addressing;
    return typeof addressing === 'object' ? addressing.pools : addressing;
  }

  podOf(key: string): PodIr | undefined {
    const nodeName = this.stores.pods.get(key)?.spec.nodeName ?? '';
    return this.table.body(nodeName, { kind: 'pod', key }) as PodIr | undefined;
  }

  held(node: string, kind: string): string[] {
    return this.table
      .resourcesOf(node)
      .filter((ref) => ref.kind === kind)
      .map(({ key }) => key)
      .sort();
  }
}
