import type { IPBlock } from '../../src/api/generated/ipblock.ts';
import type { IPPool } from '../../src/api/generated/ippool.ts';
import type { Condition } from '../../src/api/meta.ts';
import type { KubernetesNetworkPolicy, Namespace, Node, Pod } from '../../src/api/kubernetes.ts';

export const NODES = 200;
const NAMESPACES = 100;
const PODS_PER_NAMESPACE = 100;
/** Applications of a namespace, five pods each; each has one policy of both directions. */
const APPS = 20;
export const PODS = NAMESPACES * PODS_PER_NAMESPACE;
export const POLICIES = NAMESPACES * APPS;
export const PORT = 8080;

export interface World {
  readonly nodes: readonly Node[];
  readonly pool: IPPool;
  readonly blocks: readonly IPBlock[];
  readonly namespaces: readonly Namespace[];
  readonly pods: readonly Pod[];
  readonly policies: readonly KubernetesNetworkPolicy[];
}

/** Another world than that of 10,000 pods; 100 pods a namespace. */
export interface WorldSize {
  readonly nodes: number;
  readonly namespaces: number;
  /** Of a namespace; its pods are spread over them. */
  readonly apps: number;
  /** So many of the policies that there is one of for each application, spread over the namespaces. */
  readonly policies: number;
}

const SIZE: WorldSize = { nodes: NODES, namespaces: NAMESPACES, apps: APPS, policies: POLICIES };

const READY: Condition = {
  ...{ type: 'Ready', status: 'True', reason: 'Reserved', message: '' },
  lastTransitionTime: '2026-01-01T00:00:00Z',
};

/**
 * A cluster of 200 nodes with about 50 pods each, the pods of a namespace spread over them. The first two pods of the
 * first namespace are both on the first node, and the second may call the first on `PORT`.
 */
export function createWorld(size = SIZE): World {
  const { nodes, namespaces, apps } = size;
  const perNode = new Map<number, number>();
  const pods = range(namespaces * PODS_PER_NAMESPACE).map((index) => {
    const [namespace, place] = [Math.floor(index / PODS_PER_NAMESPACE), index % PODS_PER_NAMESPACE];
    const spread = size === SIZE ? 3 * namespace + 7 * place : 7 * index;
    const node = index < 2 ? 0 : spread % nodes;
    const host = (perNode.get(node) ?? 0) + 1;
    perNode.set(node, host);
    return podOf(namespace, place, appName(place, apps), nodeName(node), addressIn(node, host));
  });
  const policies = range(namespaces).flatMap((namespace) => range(apps).map((app) => policyOf(namespace, app, apps)));
  const step = policies.length / size.policies;
  return {
    nodes: range(nodes).map((node) => ({
      metadata: { ...meta(nodeName(node)), uid: nodeUid(node) },
      status: { addresses: [{ type: 'InternalIP', address: `192.0.${2 + (node >> 8)}.${(node + 1) & 255}` }] },
    })),
    pool: {
      metadata: { ...meta('pods'), uid: 'pool' },
      spec: { cidr: '10.64.0.0/12' },
      status: { conditions: [READY] },
    },
    blocks: range(nodes).map(blockOf),
    namespaces: range(namespaces).map((index) => ({
      metadata: { ...meta(`ns-${index}`), labels: { name: `ns-${index}`, team: `team-${index % 10}` } },
    })),
    pods,
    policies: policies.filter((_, index) => index % step === 0),
  };
}

export function nodeName(node: number): string {
  return `node-${node}`;
}

export function appName(app: number, apps = APPS): string {
  return `app-${(app + apps) % apps}`;
}

/**
 * Lets two other applications in, and one of ten namespaces; one in ten lets the whole cluster in. Lets out to two
 * applications, to DNS and to a range outside.
 */
function policyOf(namespace: number, app: number, apps: number): KubernetesNetworkPolicy {
  const others = (...offsets: readonly number[]) => ({
    podSelector: {
      matchExpressions: [
        { key: 'app', operator: 'In' as const, values: offsets.map((offset) => appName(app + offset, apps)) },
      ],
    },
  });
  const ports = [{ protocol: 'TCP' as const, port: PORT }];
  const team = { matchLabels: { team: `team-${namespace % 10}` } };
  const everybody = app % 10 === 5 ? [{ from: [{ namespaceSelector: {} }], ports }] : [];
  return {
    metadata: { ...meta(appName(app, apps)), namespace: `ns-${namespace}` },
    spec: {
      podSelector: { matchLabels: { app: appName(app, apps) } },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [
        { from: [others(1, 2)], ports },
        { from: [{ namespaceSelector: team, podSelector: { matchLabels: { app: appName(0) } } }], ports },
        ...everybody,
      ],
      egress: [
        { to: [others(-1, -2)], ports },
        {
          to: [
            {
              namespaceSelector: { matchLabels: { name: 'ns-0' } },
              podSelector: { matchLabels: { app: appName(0) } },
            },
          ],
          ports: [{ protocol: 'UDP', port: 53 }],
        },
        { to: [{ ipBlock: { cidr: '203.0.113.0/24', except: [`203.0.113.${namespace}/32`] } }] },
      ],
    },
  };
}

function podOf(namespace: number, place: number, app: string, node: string, address: string): Pod {
  const name = `pod-${place}`;
  return {
    metadata: {
      ...meta(name),
      namespace: `ns-${namespace}`,
      uid: `uid-${namespace}-${place}`,
      labels: { app, tier: place % 2 === 0 ? 'front' : 'back' },
    },
    spec: { nodeName: node, containers: [{ name: 'main', ports: [{ name: 'http', containerPort: PORT }] }] },
    status: { phase: 'Running', podIP: address, podIPs: [{ ip: address }] },
  };
}

function blockOf(node: number): IPBlock {
  const cidr = `${addressIn(node, 0)}/26`;
  return {
    metadata: meta(cidr.replaceAll(/[./]/g, '-')),
    spec: { cidr, poolName: 'pods', poolUid: 'pool', nodeName: nodeName(node), nodeUid: nodeUid(node) },
  };
}

function addressIn(node: number, host: number): string {
  return `10.${64 + (node >> 10)}.${(node >> 2) & 255}.${(node % 4) * 64 + host}`;
}

function nodeUid(node: number): string {
  return `uid-node-${node}`;
}

function meta(name: string): { readonly name: string; readonly resourceVersion: string } {
  return { name, resourceVersion: '1' };
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
