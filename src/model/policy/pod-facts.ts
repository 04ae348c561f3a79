import type { Container, Node, Pod } from '../../api/kubernetes.ts';
import { objectKey } from '../../api/meta.ts';
import { canonicalIp, compareIps } from '../../lib/ip.ts';
import { namedPortKey } from './ports.ts';
import { NODES, SERVICE_ACCOUNT } from './synthetic.ts';

export type Labels = Readonly<Record<string, string>>;

/** All that policy needs to know of a pod on the pod network. */
export interface PodFacts {
  /** `namespace/name`. */
  readonly key: string;
  readonly uid: string;
  readonly namespace: string;
  /** The pod's own, and `SERVICE_ACCOUNT`. */
  readonly labels: Labels;
  /** Absent until scheduled. */
  readonly nodeName?: string;
  /** In their canonical form, sorted. */
  readonly addresses: readonly string[];
  /** Container port by `namedPortKey`; the first container that uses a name has it. */
  readonly namedPorts: ReadonlyMap<string, number>;
}

/**
 * Undefined for pods that policy cannot see: those on the host's network, whose traffic is the node's, and those
 * that have completed, whose address may already be somebody else's. A terminating pod still runs and still counts.
 *
 * @param leased  what the pod's node has leased to it. It goes before the status, which the kubelet writes later, and
 *                may still show the addresses of an earlier sandbox.
 */
export function podFacts(pod: Pod, leased: readonly string[] | undefined): PodFacts | undefined {
  const { metadata, spec, status } = pod;
  if (spec.hostNetwork === true || status?.phase === 'Succeeded' || status?.phase === 'Failed') return undefined;
  const key = objectKey(pod);
  return {
    key,
    uid: metadata.uid ?? key,
    namespace: metadata.namespace ?? 'default',
    labels: { ...metadata.labels, [SERVICE_ACCOUNT]: spec.serviceAccountName ?? 'default' },
    ...(spec.nodeName === undefined || spec.nodeName === '' ? {} : { nodeName: spec.nodeName }),
    addresses: leased === undefined ? statusAddresses(pod) : [...leased].sort(compareIps),
    namedPorts: namedPortsOf(pod),
  };
}

/** Of a node, for rules whose far end is one: by all addresses that its status shows. */
export function nodeFacts({ metadata, status }: Node): PodFacts {
  const key = `${NODES}/${metadata.name}`;
  const addresses = (status?.addresses ?? []).flatMap(({ address }) => canonicalIp(address) ?? []);
  return {
    key,
    uid: key,
    namespace: NODES,
    labels: metadata.labels ?? {},
    addresses: [...new Set(addresses)].sort(compareIps),
    namedPorts: new Map(),
  };
}

export function sameFacts(a: PodFacts | undefined, b: PodFacts | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return (
    a.key === b.key &&
    a.uid === b.uid &&
    a.nodeName === b.nodeName &&
    sameEntries(Object.entries(a.labels), new Map(Object.entries(b.labels))) &&
    sameContribution(a, b)
  );
}

/** Whether both put the same members into address sets. */
export function sameContribution(a: PodFacts, b: PodFacts): boolean {
  return (
    a.addresses.length === b.addresses.length &&
    a.addresses.every((address, index) => address === b.addresses[index]) &&
    sameEntries([...a.namedPorts], b.namedPorts)
  );
}

function sameEntries<T>(entries: readonly (readonly [string, T])[], other: ReadonlyMap<string, T>): boolean {
  return entries.length === other.size && entries.every(([key, value]) => other.get(key) === value);
}

function statusAddresses({ status }: Pod): string[] {
  const all = status?.podIPs?.map(({ ip }) => ip) ?? [];
  if (all.length === 0 && status?.podIP !== undefined) all.push(status.podIP);
  return [...new Set(all.flatMap((address) => canonicalIp(address) ?? []))].sort(compareIps);
}

function namedPortsOf({ spec }: Pod): Map<string, number> {
  const named = new Map<string, number>();
  for (const container of [...spec.containers, ...(spec.initContainers ?? []).filter(isSidecar)]) {
    for (const { name, protocol = 'TCP', containerPort } of container.ports ?? []) {
      if (name === undefined) continue;
      const key = namedPortKey({ protocol, name });
      if (!named.has(key)) named.set(key, containerPort);
    }
  }
  return named;
}

/** An init container that keeps running beside the others (KEP-753). */
function isSidecar(container: Container): boolean {
  return container.restartPolicy === 'Always';
}
