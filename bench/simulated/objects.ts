import { nodeAddress } from './node-address.ts';
import { APPS, type App, hash, imageName, nodeName, type PodPlace, range } from './world.ts';

const PORT = 8080;

/** With the status that a kubelet writes, its 50 images included: what makes a Node object large. */
export function nodeObject(node: number): object {
  const name = nodeName(node);
  const quantities = { cpu: '16', memory: '65806376Ki', pods: '110', 'ephemeral-storage': '203056560Ki' };
  const now = new Date().toISOString().replace(/\.\d+/, '');
  const condition = (type: string, status: string, reason: string) => {
    return { type, status, reason, message: `${reason} on ${name}`, lastHeartbeatTime: now, lastTransitionTime: now };
  };
  return {
    metadata: {
      name,
      labels: {
        ...{ 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64' },
        'topology.kubernetes.io/zone': `zone-${node % 3}`,
      },
    },
    status: {
      addresses: [
        { type: 'InternalIP', address: nodeAddress(node) },
        { type: 'Hostname', address: name },
      ],
      capacity: quantities,
      allocatable: quantities,
      conditions: [
        condition('MemoryPressure', 'False', 'KubeletHasSufficientMemory'),
        condition('DiskPressure', 'False', 'KubeletHasNoDiskPressure'),
        condition('PIDPressure', 'False', 'KubeletHasSufficientPID'),
        condition('Ready', 'True', 'KubeletReady'),
      ],
      images: range(50).map((image) => ({
        names: [`registry.example.com/team/app-${image}@sha256:${hash(`${image}`, 64)}`, imageName(image)],
        sizeBytes: 100_000_000 + image,
      })),
    },
  };
}

export function serviceObject({ namespace, name }: App): object {
  return {
    metadata: { namespace, name, labels: { app: name } },
    spec: { selector: { app: name }, ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
  };
}

export function endpointSliceName({ namespace, name }: Pick<App, 'namespace' | 'name'>): string {
  return `${name}-${hash(namespace, 5)}`;
}

/** As the endpoint-slice controller makes it. */
export function endpointSliceObject(
  { namespace, name }: App,
  serviceUid: string,
  pods: readonly { readonly place: PodPlace; readonly uid: string }[],
): object {
  return {
    metadata: {
      namespace,
      name: endpointSliceName({ namespace, name }),
      labels: {
        app: name,
        'kubernetes.io/service-name': name,
        'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
      },
      ownerReferences: [
        { apiVersion: 'v1', kind: 'Service', name, uid: serviceUid, controller: true, blockOwnerDeletion: true },
      ],
    },
    addressType: 'IPv4',
    ports: [{ name: 'http', protocol: 'TCP', port: PORT }],
    endpoints: pods.map(({ place, uid }) => ({
      addresses: [place.address],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: nodeName(place.node),
      targetRef: { kind: 'Pod', namespace, name: place.name, uid },
    })),
  };
}

/**
 * Lets in two other applications of the namespace, and one application of every namespace; lets out to DNS and two.
 * `isNamedBy` says the same.
 */
export function policyObject({ namespace, name, index }: App): object {
  const peer = (offset: number) => ({ podSelector: { matchLabels: { app: `app-${(index + offset) % APPS}` } } });
  const ports = [{ protocol: 'TCP', port: PORT }];
  return {
    metadata: { namespace, name },
    spec: {
      podSelector: { matchLabels: { app: name } },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [
        { from: [peer(1), peer(2)], ports },
        { from: [{ namespaceSelector: {}, podSelector: { matchLabels: { app: 'app-0' } } }], ports },
      ],
      egress: [{ to: [peer(-1 + APPS), peer(-2 + APPS)], ports }, { ports: [{ protocol: 'UDP', port: 53 }] }],
    },
  };
}
