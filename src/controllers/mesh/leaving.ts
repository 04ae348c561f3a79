import type { EndpointSlice, Pod } from '../../api/kubernetes.ts';
import { objectKey } from '../../api/meta.ts';
import type { StoreReader } from '../../kube/store.ts';
import type { Clock } from '../../lib/clock.ts';
import { canonicalIp } from '../../lib/ip.ts';
import { isInjected } from '../../model/mesh/identity.ts';
import { type AnyRef, refId } from '../../model/node/desired-update.ts';
import { serviceOfSlice } from './live-index.ts';
import type { ProxyStates } from './proxies.ts';

export interface LeavingDeps {
  readonly pods: StoreReader<Pod>;
  readonly endpointSlices: StoreReader<EndpointSlice>;
  /** Keys of the resources `endpoints` of a service. */
  readonly clustersOf: (serviceKey: string) => readonly string[];
  readonly table: {
    nodesOf(ref: AnyRef): Iterable<string>;
    version(node: string, ref: AnyRef): string | undefined;
  };
  readonly held: {
    isConnected(node: string): boolean;
    version(node: string, ref: AnyRef): string | undefined;
  };
  readonly proxies: Pick<ProxyStates, 'word'>;
  /** Whether the table follows from all that the stores have. */
  readonly isCompiled: () => boolean;
  /** Calls the listener whenever the table moved, or a node has said something of what it or its proxies hold. */
  readonly onAcknowledged: (listener: () => void) => () => void;
}

export interface PodName {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
}

/** The kubelet may hear of the deletion before this replica does. */
const UNTIL_ENDING_MS = 2_000;
/** Longer than any agent waits. */
const PATIENCE_MS = 60_000;

/**
 * Says when nobody sends to a pod any more that ends: its services have it no longer among their ready endpoints, and
 * every node, with every proxy there, holds endpoints that were compiled after that. Nodes that are away, and proxies
 * that never had the endpoints, are not waited for.
 */
export class Leaving {
  readonly #deps: LeavingDeps;
  readonly #clock: Clock;

  constructor(deps: LeavingDeps, clock: Clock) {
    this.#deps = deps;
    this.#clock = clock;
  }

  /** Empty when it is so; else why that is not to be waited for any longer. */
  wait(asked: PodName): Promise<string> {
    const { pods, onAcknowledged } = this.#deps;
    const key = `${asked.namespace}/${asked.name}`;
    const departure = new Departure(this.#deps, asked);
    const isEnding = () => {
      const pod = pods.get(key);
      return pod?.metadata.uid !== asked.uid || pod.metadata.deletionTimestamp !== undefined;
    };
    return new Promise((resolve) => {
      const stops: (() => void)[] = [];
      const end = (problem: string) => {
        for (const stop of stops) stop();
        resolve(problem);
      };
      const look = () => {
        if (isEnding() && departure.isOver()) end('');
      };
      stops.push(
        onAcknowledged(look),
        pods.onChange((changed) => {
          if (changed === key) look();
        }),
        this.#clock.after(UNTIL_ENDING_MS, () => {
          if (!isEnding()) end('the pod does not end');
        }),
        this.#clock.after(PATIENCE_MS, () => end('not everybody has acknowledged it')),
      );
      look();
    });
  }
}

/** Who is to hear that a pod has left. It is asked at every acknowledgement of any node, and then looks at one of them. */
class Departure {
  readonly #deps: LeavingDeps;
  readonly #addresses: ReadonlySet<string>;
  readonly #slices: readonly { readonly key: string; readonly services: readonly string[] }[];
  /** By resource: versions without the pod. */
  readonly #without = new Map<string, Set<string | undefined>>();
  /** Undefined while the pod is among the ready endpoints. */
  #pending: (() => boolean)[] | undefined;
  #areProxiesPending = false;

  constructor(deps: LeavingDeps, { uid, name, namespace }: PodName) {
    this.#deps = deps;
    const pod = deps.pods.get(`${namespace}/${name}`);
    const addresses = pod?.metadata.uid === uid ? (pod.status?.podIPs ?? []) : [];
    this.#addresses = new Set(addresses.flatMap(({ ip }) => canonicalIp(ip) ?? []));
    this.#slices = deps.endpointSlices
      .inNamespace(namespace)
      .filter(({ endpoints }) => (endpoints ?? []).some((endpoint) => this.#isThePods(endpoint)))
      .map((slice) => ({ key: objectKey(slice), services: serviceOfSlice(slice) }));
  }

  /** Proxies come after their nodes, which tell them. */
  isOver(): boolean {
    if (this.#pending === undefined) {
      if (this.#isOffered() || !this.#deps.isCompiled()) return false;
      this.#pending = this.#nodes();
    }
    if (!this.#areInformed(this.#pending)) return false;
    if (!this.#areProxiesPending) {
      this.#areProxiesPending = true;
      this.#pending = this.#proxies();
    }
    return this.#areInformed(this.#pending);
  }

  #areInformed(pending: (() => boolean)[]): boolean {
    for (let isInformed = pending.at(-1); isInformed?.() === true; isInformed = pending.at(-1)) pending.pop();
    return pending.length === 0;
  }

  #nodes(): (() => boolean)[] {
    const { table, held } = this.#deps;
    const refs = [...this.#slices.map(({ key }) => ({ kind: 'routedSlice', key })), ...this.#endpoints()];
    return refs.flatMap((ref) =>
      [...table.nodesOf(ref)].map(
        (node) => () => !held.isConnected(node) || this.#isWithout(node, ref, held.version(node, ref)),
      ),
    );
  }

  #proxies(): (() => boolean)[] {
    const { pods, held, proxies } = this.#deps;
    const endpoints = this.#endpoints();
    return pods.list().flatMap((pod) => {
      const { nodeName } = pod.spec;
      const { uid = '' } = pod.metadata;
      if (!isInjected(pod) || nodeName === undefined) return [];
      return endpoints.map((ref) => () => {
        const { acknowledged, rejected } = proxies.word(uid, ref.kind, ref.key);
        const isThere = held.isConnected(nodeName) && pods.get(objectKey(pod))?.status?.phase === 'Running';
        if (!isThere || acknowledged === undefined) return true;
        return this.#isWithout(nodeName, ref, acknowledged) || this.#isWithout(nodeName, ref, rejected?.version);
      });
    });
  }

  #endpoints(): readonly AnyRef[] {
    const services = new Set(this.#slices.flatMap(({ services }) => services));
    return [...services].flatMap(this.#deps.clustersOf).map((key) => ({ kind: 'endpoints', key }));
  }

  /** Endpoints go on changing: every version since the pod has left is as good as the newest. */
  #isWithout(node: string, ref: AnyRef, version: string | undefined): boolean {
    const id = refId(ref);
    const versions = this.#without.get(id) ?? new Set();
    this.#without.set(id, versions.add(this.#deps.table.version(node, ref)));
    return versions.has(version);
  }

  #isOffered(): boolean {
    return this.#slices.some(({ key }) =>
      (this.#deps.endpointSlices.get(key)?.endpoints ?? []).some(
        (endpoint) =>
          this.#isThePods(endpoint) &&
          endpoint.conditions?.ready !== false &&
          endpoint.conditions?.terminating !== true,
      ),
    );
  }

  #isThePods({ addresses: [address = ''] }: NonNullable<EndpointSlice['endpoints']>[number]): boolean {
    return this.#addresses.has(canonicalIp(address) ?? '');
  }
}
