import { PROXY_MARK } from '../../src/model/mesh/identity.ts';
import { nodeAddress } from './node-address.ts';
import { hash, imageName, nodeName, type PodPlace } from './world.ts';

/**
 * A pod as a Deployment makes it, with probes, variables and a volume: the API server adds the token's volume and the
 * tolerations. 5 kB as JSON with its status, without managed fields.
 */
export function podObject({ app, name, node, hasProxy = false }: PodPlace): object {
  const probe = { httpGet: { path: '/healthz', port: 'http' }, initialDelaySeconds: 3, periodSeconds: 10 };
  return {
    metadata: {
      namespace: app.namespace,
      name,
      labels: { app: app.name, 'pod-template-hash': hash(app.name, 9), version: 'v1' },
      annotations: {
        ...{ 'kubectl.kubernetes.io/restartedAt': '2026-01-01T00:00:00Z', 'prometheus.io/scrape': 'true' },
        ...(hasProxy ? { [PROXY_MARK]: 'injected' } : {}),
      },
      ownerReferences: [
        {
          ...{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: `${app.name}-${hash(app.name, 9)}` },
          ...{ uid: uuidOf(`${app.namespace}/${app.name}`), controller: true, blockOwnerDeletion: true },
        },
      ],
    },
    spec: {
      nodeName: nodeName(node),
      containers: [
        {
          name: 'main',
          image: imageName(app.index % 50),
          ports: [{ name: 'http', containerPort: 8080 }],
          env: ['LOG_LEVEL', 'DATABASE_URL', 'REGION', 'FEATURES', 'CACHE_URL'].map((variable) => {
            return { name: variable, value: `${variable.toLowerCase()}-of-${app.namespace}-${app.name}` };
          }),
          resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '256Mi' } },
          volumeMounts: [{ name: 'config', mountPath: '/etc/app' }],
          livenessProbe: probe,
          readinessProbe: probe,
        },
      ],
      volumes: [{ name: 'config', configMap: { name: app.name } }],
    },
  };
}

/** As the kubelet writes it when the pod runs. */
export function podStatus({ app, name, node, address }: PodPlace): object {
  const now = new Date().toISOString().replace(/\.\d+/, '');
  const types = ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'];
  const hostIP = nodeAddress(node);
  return {
    phase: 'Running',
    conditions: types.map((type) => ({ type, status: 'True', lastProbeTime: null, lastTransitionTime: now })),
    ...{ hostIP, hostIPs: [{ ip: hostIP }], podIP: address, podIPs: [{ ip: address }] },
    startTime: now,
    qosClass: 'Burstable',
    containerStatuses: [
      {
        name: 'main',
        state: { running: { startedAt: now } },
        ...{ lastState: {}, ready: true, started: true, restartCount: 0 },
        image: imageName(app.index % 50),
        imageID: `registry.example.com/team/app@sha256:${hash(app.name, 64)}`,
        containerID: `containerd://${hash(`${app.namespace}/${name}`, 64)}`,
      },
    ],
  };
}

function uuidOf(text: string): string {
  return hash(text, 32).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
