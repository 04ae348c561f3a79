import type { NetworkPolicy } from '../../api/generated/networkpolicy.ts';
import type { Service } from '../../api/kubernetes.ts';
import { objectKey } from '../../api/meta.ts';
import { REASON } from '../../api/reasons.ts';
import type { Problem } from '../problem.ts';
import { addTo, removeFrom, type KeySets } from './key-sets.ts';
import type { PodSelector } from './selector-index.ts';

/** The pods of a Service; a problem without path: why there are none. */
export type PodsOfService = (namespace: string, name: string) => PodSelector | Omit<Problem, 'path'>;

/** The pods of Services that policies name, and which policies a Service's change concerns. */
export class ServicePeers {
  readonly #selectors = new Map<string, Service['spec']['selector']>();
  /** Only those that name Services. */
  readonly #policies = new Map<string, NetworkPolicy>();
  /** Keys of policies by key of a Service. */
  readonly #naming: KeySets = new Map();
  /** Keys of policies. */
  readonly #concerned = new Set<string>();

  /** `service` undefined: it is gone. */
  setService(key: string, service: Service | undefined): void {
    const textOf = () => (this.#selectors.has(key) ? JSON.stringify(this.#selectors.get(key) ?? null) : '');
    const before = textOf();
    if (service === undefined) this.#selectors.delete(key);
    else this.#selectors.set(key, service.spec.selector);
    if (textOf() !== before) for (const policy of this.#naming.get(key) ?? []) this.#concerned.add(policy);
  }

  /** `policy` undefined: it is gone. */
  setPolicy(key: string, policy: NetworkPolicy | undefined): void {
    const before = this.#policies.get(key);
    for (const service of before === undefined ? [] : servicesOf(before)) removeFrom(this.#naming, service, key);
    this.#policies.delete(key);
    const services = policy === undefined ? [] : servicesOf(policy);
    if (policy !== undefined && services.length > 0) this.#policies.set(key, policy);
    for (const service of services) addTo(this.#naming, service, key);
  }

  /** Policies that mean something else since the last call, because a Service changed. */
  takeConcerned(): NetworkPolicy[] {
    const policies = [...this.#concerned].flatMap((key) => this.#policies.get(key) ?? []);
    this.#concerned.clear();
    return policies;
  }

  readonly podsOf: PodsOfService = (namespace, name) => {
    const key = serviceKey(namespace, name);
    const selector = this.#selectors.get(key);
    if (!this.#selectors.has(key)) {
      const message = `names the Service ${key}, which is not there; the entry matches nobody until it is`;
      return { reason: REASON.serviceNotFound, message };
    }
    if (selector === undefined || Object.keys(selector).length === 0) {
      const message = `names the Service ${key}, which selects no pods; name its addresses by ipBlock instead; the entry matches nobody`;
      return { reason: REASON.unsupportedValue, message };
    }
    return { namespaces: namespace, pods: { matchLabels: selector } };
  };
}

function servicesOf({ metadata, spec }: NetworkPolicy): string[] {
  const peers = [...(spec.ingress ?? []).map(({ from }) => from), ...(spec.egress ?? []).map(({ to }) => to)];
  const { namespace = 'default' } = metadata;
  return peers.flatMap((list = []) =>
    list.flatMap(({ service }) =>
      service === undefined ? [] : [serviceKey(service.namespace ?? namespace, service.name)],
    ),
  );
}

function serviceKey(namespace: string, name: string): string {
  return objectKey({ metadata: { namespace, name } });
}
