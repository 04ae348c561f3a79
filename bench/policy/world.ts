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

const READY: Condition = {
  ...{ type: 'Ready', status: 'True', reason: 'Reserved', message: '' },
  lastTransitionTime: '2026-01-01T00:00:00Z',
};

/**
 * A cluster of 200 nodes with about 50 pods each, the pods of a namespace spread over them. The first two pods of the
 * first namespace are both on the first node, and the second may call the first on `PORT`.
 */
export function createWorld(): World {
  const perNode = new Map<number, number>();
  const pods = range(PODS).map((index) => {
    const [namespace, place] = [Math.floor(index / PODS_PER_NAMESPACE), index % PODS_PER_NAMESPACE];
    const node = index < 2 ? 0 : (3 * namespace + 7 * place) % NODES;
    const host = (perNode.get(node) ?? 0) + 1;
    perNode.set(node, host);
    return podOf(namespace, place, nodeName(node), `10.64.${Math.floor(node / 4)}.${(node % 4) * 64 + host}`);
  });
  return {
    nodes: range(NODES).map((node) => ({
      metadata: { ...meta(nodeName(node)), uid: nodeUid(node) },
      status: { addresses: [{ type: 'InternalIP', address: `192.0.2.${node + 1}` }] },
    })),
    pool: {
      metadata: { ...meta('pods'), uid: 'pool' },
      spec: { cidr: '10.64.0.0/16' },
      status: { conditions: [READY] },
    },
    blocks: range(NODES).map(blockOf),
    namespaces: range(NAMESPACES).map((index) => ({
      metadata: { ...meta(`ns-${index}`), labels: { name: `ns-${index}`, team: `team-${index % 10}` } },
    })),
    pods,
    policies: range(NAMESPACES).flatMap((namespace) => range(APPS).map((app) => policyOf(namespace, app))),
  };
}

export function nodeName(node: number): string {
  return `node-${node}`;
}

export function appName(app: number): string {
  return `app-${(app + APPS) % APPS}`;
}

/**
 * Lets two other applications in, and one of ten namespaces; one in ten lets the whole cluster in. Lets out to two
 * applications, to DNS and to a range outside.
 */
function policyOf(namespace: number, app: number): KubernetesNetworkPolicy {
  const apps = (...offsets: readonly number[]) => ({
    podSelector: {
      matchExpressions: [
        { key: 'app', operator: 'In' as const, values: offsets.map((offset) => appName(app + offset)) },
      ],
    },
  });
  const ports = [{ protocol: 'TCP' as const, port: PORT }];
  const team = { matchLabels: { team: `team-${namespace % 10}` } };
  const everybody = app % 10 === 5 ? [{ from: [{ namespaceSelector: {} }], ports }] : [];
  return {
    metadata: { ...meta(appName(app)), namespace: `ns-${namespace}` },
    spec: {
      podSelector: { matchLabels: { app: appName(app) } },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [
        { from: [apps(1, 2)], ports },
        { from: [{ namespaceSelector: team, podSelector: { matchLabels: { app: appName(0) } } }], ports },
        ...everybody,
      ],
      egress: [
        { to: [apps(-1, -2)], ports },
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

function podOf(namespace: number, place: number, node: string, address: string): Pod {
  const name = `pod-${place}`;
  return {
    metadata: {
      ...meta(name),
      namespace: `ns-${namespace}`,
      uid: `uid-${namespace}-${place}`,
      labels: { app: appName(place), tier: place % 2 === 0 ? 'front' : 'back' },
    },
    spec: { nodeName: node, containers: [{ name: 'main', ports: [{ name: 'http', containerPort: PORT }] }] },
    status: { phase: 'Running', podIP: address, podIPs: [{ ip: address }] },
  };
}

function blockOf(node: number): IPBlock {
  const cidr = `10.64.${Math.floor(node / 4)}.${(node % 4) * 64}/26`;
  return {
    metadata: meta(cidr.replaceAll(/[./]/g, '-')),
    spec: { cidr, poolName: 'pods', poolUid: 'pool', nodeName: nodeName(node), nodeUid: nodeUid(node) },
  };
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
