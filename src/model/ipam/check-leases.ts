import type { Pod } from '../../api/kubernetes.ts';
import { type AddressFacts, addressesOfPod, allLeases, inspectedNodes, podName, RangeIndex } from './address-facts.ts';
import { FINDING, type Finding, finding } from './finding.ts';
import type { AttachmentInspection } from './inspection.ts';

/** Leases beside pods and kernels. Pure, and says nothing of nodes that could not be asked. */
export function checkLeases(facts: AddressFacts): readonly Finding[] {
  const index = indexPods(facts);
  return [
    ...allLeases(facts).flatMap(({ node, attachment }) => [
      ...checkLease(index, node, attachment),
      ...checkWiring(index, node, attachment),
    ]),
    ...checkStrays(facts),
    ...checkPodsWithoutLease(facts),
    ...checkHolders(facts, index),
  ];
}

interface PodIndex {
  readonly byUid: ReadonlyMap<string, Pod>;
  /** `node address` → a pod that shows the address there. */
  readonly showing: ReadonlyMap<string, Pod>;
}

function indexPods({ pods }: AddressFacts): PodIndex {
  const showing = new Map<string, Pod>();
  for (const pod of pods) {
    for (const address of addressesOfPod(pod)) {
      if (!showing.has(placeOf(pod, address))) showing.set(placeOf(pod, address), pod);
    }
  }
  return { byUid: new Map(pods.map((pod) => [pod.metadata.uid ?? '', pod])), showing };
}

function placeOf({ spec }: Pod, address: string): string {
  return `${spec.nodeName ?? ''} ${address}`;
}

/** By uid, or by what its status shows: a static pod's object is made anew under a pod that runs on. */
function podOf({ byUid, showing }: PodIndex, node: string, { podUid, addresses }: AttachmentInspection) {
  const known = byUid.get(podUid);
  if (known !== undefined) return known;
  return addresses.map((address) => showing.get(`${node} ${address}`)).find((pod) => pod !== undefined);
}

function hasEnded(pod: Pod | undefined): boolean {
  return pod === undefined || pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

function checkLease(index: PodIndex, node: string, attachment: AttachmentInspection): Finding[] {
  const pod = podOf(index, node, attachment);
  // The runtime takes the sandbox of a pod that has ended away when it comes to it.
  if (!hasEnded(pod) || (pod !== undefined && attachment.isAlive)) return [];
  const { podUid, containerId, ifname, addresses, isAlive } = attachment;
  const whose = pod === undefined ? `pod uid ${podUid}, which is gone` : `pod ${podName(pod)}, which has ended`;
  const common = { kind: FINDING.leakedLease, node, subject: addresses.join(', '), detail: containerId };
  if (isAlive) {
    const message = `held by ${whose}; its sandbox ${containerId} still has a network namespace, so the lease stays`;
    const nextStep = `on the node: crictl stopp ${containerId} && crictl rmp ${containerId}`;
    return [finding({ ...common, message, nextStep })];
  }
  const message = `held by ${whose}; nothing on the node uses it`;
  const repair = { how: 'release', lease: { containerId, ifname, podUid } } as const;
  return [finding({ ...common, message, nextStep: 'weft ipam check --fix', repair })];
}

function checkWiring(index: PodIndex, node: string, attachment: AttachmentInspection): Finding[] {
  const pod = podOf(index, node, attachment);
  if (pod === undefined || hasEnded(pod)) return [];
  const { containerId, addresses, isAlive, faults } = attachment;
  const common = { kind: FINDING.notWired, node, subject: addresses.join(', '), detail: containerId };
  if (!isAlive) {
    const message = `pod ${podName(pod)} holds it, and its sandbox has no network namespace`;
    const nextStep = `the runtime makes a new sandbox; if not: kubectl -n ${pod.metadata.namespace} delete pod ${pod.metadata.name}`;
    return [finding({ ...common, message, nextStep })];
  }
  if (faults.length === 0) return [];
  const message = `pod ${podName(pod)}: ${faults.join('; ')}`;
  return [finding({ ...common, message, nextStep: 'weft ipam check --fix', repair: { how: 'rewire' } })];
}

function checkStrays(facts: AddressFacts): Finding[] {
  const nextStep = 'weft ipam check --fix';
  const repair = { how: 'rewire' } as const;
  return inspectedNodes(facts).flatMap(([node, { strayLinks, strayRoutes }]) => [
    ...strayLinks.map((subject) => {
      const message = 'the link of a pod, and no lease names it';
      return finding({ kind: FINDING.strayLink, node, subject, message, nextStep, repair });
    }),
    ...strayRoutes.map((subject) => {
      const message = "a route leads to a pod's link, whose lease has another address";
      return finding({ kind: FINDING.strayRoute, node, subject, message, nextStep, repair });
    }),
  ]);
}

/** Pods that are going are left out: the lease goes a moment before the object. */
function checkPodsWithoutLease(facts: AddressFacts): Finding[] {
  const leased = new Set(
    allLeases(facts).flatMap(({ node, attachment }) => attachment.addresses.map((address) => `${node} ${address}`)),
  );
  const pools = new RangeIndex(facts.pools, ({ spec }) => spec.cidr);
  const asked = new Set(inspectedNodes(facts).map(([node]) => node));
  return facts.pods.flatMap((pod) => {
    const node = pod.spec.nodeName ?? '';
    if (!asked.has(node) || pod.metadata.deletionTimestamp !== undefined) return [];
    const bare = addressesOfPod(pod).filter((address) => {
      return pools.find(address) !== undefined && !leased.has(placeOf(pod, address));
    });
    const { namespace, name, uid = '' } = pod.metadata;
    return bare.map((subject) => {
      const message = `pod ${podName(pod)} shows it, and the node has no lease of it: another pod may be given it`;
      const nextStep = `kubectl -n ${namespace} delete pod ${name}`;
      return finding({ kind: FINDING.addressWithoutLease, node, subject, detail: uid, message, nextStep });
    });
  });
}

/** Who says of an address that it is theirs: leases of nodes, and statuses of pods. Nearly all addresses have one. */
function checkHolders(facts: AddressFacts, index: PodIndex): Finding[] {
  const first = new Map<string, string>();
  const contested = new Set<string>();
  forEachHolder(facts, index, (address, holder) => {
    const before = first.get(address);
    if (before === undefined) first.set(address, holder);
    else if (before !== holder) contested.add(address);
  });
  const holders = new Map([...contested].map((address) => [address, new Map<string, string>()]));
  if (contested.size === 0) return [];
  forEachHolder(facts, index, (address, holder, nameOf) => {
    const known = holders.get(address);
    if (known?.has(holder) === false) known.set(holder, nameOf());
  });
  return [...holders].map(([subject, known]) => {
    const message = `held by ${[...known.values()].sort().join(' and by ')}`;
    const detail = [...known.keys()].sort().join(' ');
    const nextStep =
      'delete the pod that came later: kubectl get pods -A -o wide --sort-by=.metadata.creationTimestamp';
    return finding({ kind: FINDING.heldTwice, subject, detail, message, nextStep });
  });
}

/** `holder`: a pod on a node, by uid. */
function forEachHolder(
  facts: AddressFacts,
  index: PodIndex,
  tell: (address: string, holder: string, nameOf: () => string) => void,
): void {
  for (const { node, attachment } of allLeases(facts)) {
    const pod = podOf(index, node, attachment);
    const uid = pod?.metadata.uid ?? attachment.podUid;
    const nameOf = () => `${pod === undefined ? `pod uid ${uid}, which is gone,` : `pod ${podName(pod)}`} on ${node}`;
    for (const address of attachment.addresses) tell(address, `${node} ${uid}`, nameOf);
  }
  for (const pod of facts.pods) {
    const { nodeName = '' } = pod.spec;
    const nameOf = () => `pod ${podName(pod)} on ${nodeName}`;
    for (const address of addressesOfPod(pod)) tell(address, `${nodeName} ${pod.metadata.uid ?? ''}`, nameOf);
  }
}
