import type { Gateway } from '../../../api/gateway.ts';
import { INJECT_LABEL, PROXY_MARK } from '../identity.ts';
import { type ProxyConfig, proxyContainer } from '../proxy-container.ts';
import { GATEWAY_LABEL } from './gateway-index.ts';

/** Of a new Deployment; afterwards they are whoever's scales it. */
export const FIRST_REPLICAS = 2;
const DRAIN_SECONDS = 10;

/** Of a Gateway's Deployment, Service and ServiceAccount. */
export function gatewayObjectName({ metadata }: Gateway): string {
  return `weft-gateway-${metadata.name}`.slice(0, 63).replace(/-$/, '');
}

/** What runs a Gateway: it goes with it. */
export function gatewayObjects(gateway: Gateway, ports: readonly number[], config: ProxyConfig) {
  const { namespace = 'default', name: gatewayName, uid = '' } = gateway.metadata;
  const { labels = {}, annotations = {} } = gateway.spec.infrastructure ?? {};
  const name = gatewayObjectName(gateway);
  const owner = {
    apiVersion: 'gateway.networking.k8s.io/v1',
    ...{ kind: 'Gateway', name: gatewayName, uid, controller: true, blockOwnerDeletion: true },
  };
  const selector = { [GATEWAY_LABEL]: gatewayName };
  const metadata = { name, namespace, labels: { ...labels, ...selector }, annotations, ownerReferences: [owner] };
  return {
    serviceAccount: { metadata, automountServiceAccountToken: false },
    deployment: {
      metadata,
      spec: {
        selector: { matchLabels: selector },
        strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
        template: {
          metadata: {
            labels: { ...labels, ...selector, [PROXY_MARK]: 'injected', [INJECT_LABEL]: 'disabled' },
            annotations,
          },
          spec: { ...podSpec(config, name), topologySpreadConstraints: [spread(selector)] },
        },
      },
    },
    service: {
      metadata,
      spec: {
        type: 'LoadBalancer',
        selector,
        ports: ports.map((port) => ({ name: `port-${port}`, port, targetPort: port, protocol: 'TCP' })),
      },
    },
  };
}

function podSpec(config: ProxyConfig, serviceAccountName: string) {
  const { restartPolicy: _, ...container } = proxyContainer(config, serviceAccountName);
  const { port, path } = config.ready;
  return {
    serviceAccountName,
    automountServiceAccountToken: false,
    // Ports below 1024 without a privilege.
    securityContext: { sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '0' }] },
    containers: [
      {
        ...container,
        readinessProbe: { httpGet: { port, path }, periodSeconds: 2 },
        lifecycle: {
          preStop: { httpGet: { port: config.drain.port, path: `${config.drain.path}?seconds=${DRAIN_SECONDS}` } },
        },
      },
    ],
  };
}

function spread(selector: Readonly<Record<string, string>>) {
  return {
    ...{ maxSkew: 1, topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'ScheduleAnyway' },
    labelSelector: { matchLabels: selector },
  };
}
