import type { Pod } from '../api/kubernetes.ts';
import { objectKey } from '../api/meta.ts';
import { canonicalIp, type Family, familyOf, formatIp } from '../lib/ip.ts';
import { createPolicyIndex } from '../model/policy/policy-index.ts';
import { formatSlots } from '../model/policy/packet-slots.ts';
import { type ReachDifference, type ReachEnd, reachDifferences } from '../model/policy/reach-difference.ts';
import type { ClusterObjects } from './cluster-objects.ts';
import { renderTable } from './table.ts';

export interface SimulationReport {
  readonly pods: number;
  readonly nodes: number;
  /** `namespace/name` of pods that are in one of the two worlds only. */
  readonly notCompared: readonly string[];
  readonly differences: readonly Difference[];
}

interface Difference {
  readonly change: ReachDifference['change'];
  readonly families: readonly Family[];
  readonly from: readonly string[];
  readonly to: readonly string[];
  readonly ports: string;
  readonly because: string;
}

/** Pods that have no address yet are taken for pods with one of these, which nobody has. */
const NOBODYS = 0xf0000001n;
/** Where pods that are not scheduled yet would run. */
const SOME_NODE = 'not scheduled';

/** Exactly what opens and what closes between two worlds for the pods and nodes that are in both. Pure. */
export function simulate(before: ClusterObjects, after: ClusterObjects): SimulationReport {
  const keys = [...new Set([...before.pods, ...after.pods].map(objectKey))].sort();
  const stands = new Map(keys.map((key, index) => [key, formatIp({ family: 4, value: NOBODYS + BigInt(index) })]));
  const worlds = [before, after].map((objects) => ({
    ...objects,
    pods: objects.pods.map((pod) => settled(pod, stands.get(objectKey(pod)) ?? '')),
  }));
  const [was = before, is = after] = worlds;
  const later = new Map(is.pods.map((pod) => [objectKey(pod), pod]));
  const common = was.pods.filter((pod) => isOnPodNetwork(pod) && isOnPodNetwork(later.get(objectKey(pod))));
  const names = new Set(common.map(objectKey));
  const laterNodes = new Set(is.nodes.map(objectKey));
  const nodes = was.nodes.filter((node) => laterNodes.has(objectKey(node)));
  const ends = [
    ...common.flatMap(podEnds),
    ...nodes.flatMap(({ metadata: { name }, status }) => {
      const addresses = (status?.addresses ?? []).flatMap(({ address }) => canonicalIp(address) ?? []);
      const firsts = [4, 6].flatMap((family) => addresses.find((address) => familyOf(address) === family) ?? []);
      return firsts.map((address): ReachEnd => ({ kind: 'node', name, address, nodeName: name }));
    }),
  ];
  const [indexBefore, indexAfter] = [indexOf(was), indexOf(is)];
  const found = ([4, 6] as const).flatMap((family) =>
    ends.some(({ address }) => familyOf(address) === family)
      ? reachDifferences(indexBefore, indexAfter, ends, family)
      : [],
  );
  const others = [...was.pods, ...is.pods].filter((pod) => isOnPodNetwork(pod) && !names.has(objectKey(pod)));
  return {
    pods: common.length,
    nodes: nodes.length,
    notCompared: [...new Set(others.map(objectKey))].sort(),
    differences: joinFamilies(found),
  };
}

/** @param workloadOf what a pod is called for people, by `namespace/name`. */
export function renderSimulation(report: SimulationReport, workloadOf: (pod: string) => string): string {
  const { differences, pods, nodes, notCompared } = report;
  const isDual = differences.some(({ families }) => families.length > 1);
  const rows = differences.map(({ change, families, from, to, ports, because }) => {
    const only = families.length === 1 && (isDual || families[0] === 6) ? ` (IPv${families[0]})` : '';
    return [change.toUpperCase(), summary(from, workloadOf), summary(to, workloadOf), `${ports}${only}`, because];
  });
  const compared = `${pods} pods and ${nodes} nodes compared, with all other addresses`;
  const left = notCompared.length === 0 ? '' : `; not compared, as they are new or gone: ${shortList(notCompared)}`;
  if (rows.length === 0) return `Nothing opens and nothing closes. ${compared}${left}.`;
  const unique = [...new Map(rows.map((row) => [row.join(' | '), row])).values()];
  return `${renderTable(['CHANGE', 'FROM', 'TO', 'PORTS', 'BECAUSE'], unique)}\n\n${compared}${left}.`;
}

/** By its owner: pods of one Deployment are one line. */
export function workloadNames(pods: readonly Pod[]): (pod: string) => string {
  const names = new Map(
    pods.map((pod) => {
      const { namespace = 'default', name, ownerReferences = [] } = pod.metadata;
      const [owner] = ownerReferences;
      const hash = pod.metadata.labels?.['pod-template-hash'];
      const isReplica = owner?.kind === 'ReplicaSet' && hash !== undefined;
      const called = isReplica ? owner.name.replace(new RegExp(`-${hash}$`), '') : (owner?.name ?? name);
      return [objectKey(pod), `${namespace}/${called}`];
    }),
  );
  return (pod) => names.get(pod) ?? pod;
}

function indexOf({ pods, namespaces, nodes, services, ...policies }: ClusterObjects) {
  const index = createPolicyIndex();
  const { kubernetesPolicies, clusterPolicies } = policies;
  index.apply({
    ...{ pods: { upserts: pods }, namespaces: { upserts: namespaces }, nodes: { upserts: nodes } },
    ...{ services: { upserts: services }, kubernetesPolicies: { upserts: kubernetesPolicies } },
    ...{ policies: { upserts: policies.policies }, clusterPolicies: { upserts: clusterPolicies } },
  });
  return index;
}

/** With an address, a node and an identity. */
function settled(pod: Pod, stand: string): Pod {
  const { nodeName = '' } = pod.spec;
  const status = addressesOf(pod).length > 0 ? pod.status : { ...pod.status, podIPs: [{ ip: stand }] };
  return {
    metadata: { ...pod.metadata, uid: pod.metadata.uid ?? `pod ${objectKey(pod)}` },
    spec: { ...pod.spec, nodeName: nodeName === '' ? SOME_NODE : nodeName },
    ...(status === undefined ? {} : { status }),
  };
}

function isOnPodNetwork(pod: Pod | undefined): boolean {
  const phase = pod?.status?.phase;
  return pod !== undefined && pod.spec.hostNetwork !== true && phase !== 'Succeeded' && phase !== 'Failed';
}

function podEnds(pod: Pod): ReachEnd[] {
  const { uid = '' } = pod.metadata;
  const { nodeName = '' } = pod.spec;
  return addressesOf(pod).map((address) => ({ kind: 'pod', name: objectKey(pod), address, uid, nodeName }));
}

function addressesOf({ status }: Pod): string[] {
  const all = status?.podIPs?.map(({ ip }) => ip) ?? (status?.podIP === undefined ? [] : [status.podIP]);
  return all.flatMap((ip) => canonicalIp(ip) ?? []);
}

function joinFamilies(found: readonly ReachDifference[]): Difference[] {
  const joined = new Map<string, Difference>();
  for (const { change, family, from, to, slots, because } of found) {
    const [senders, receivers] = [from, to].map((ends) => ends.map(nameOf));
    const ports = formatSlots(slots, family);
    const difference = { change, from: senders ?? [], to: receivers ?? [], ports, because };
    const key = JSON.stringify(difference);
    joined.set(key, { ...difference, families: [...(joined.get(key)?.families ?? []), family] });
  }
  return [...joined.values()];
}

function nameOf({ kind, name }: ReachEnd): string {
  return kind === 'pod' ? name : `${kind} ${name}`;
}

function summary(names: readonly string[], workloadOf: (pod: string) => string): string {
  const counts = Map.groupBy(names, (name) => workloadOf(name));
  return shortList([...counts].map(([name, all]) => (all.length === 1 ? name : `${name} ×${all.length}`)));
}

function shortList(texts: readonly string[]): string {
  const shown = texts.slice(0, 3).join(', ');
  return texts.length <= 3 ? shown : `${shown} and ${texts.length - 3} more`;
}
