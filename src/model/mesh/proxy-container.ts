/** By this name the webhook and everybody else know the proxy's container. */
export const PROXY_CONTAINER = 'weft-proxy';

export interface ProxyConfig {
  readonly image: string;
  /** Whom the proxy runs as; its traffic is exempt from the redirect, so no other container may run as it. */
  readonly uid: number;
  /** Envoy's: trace, debug, info, warning, error, critical, off. */
  readonly logLevel: string;
  /** Threads. Envoy's own default is one for each core of the node, which every pod would pay for in memory. */
  readonly workers: number;
  /** As in a Container. */
  readonly resources: { readonly requests?: Quantities; readonly limits?: Quantities };
  /** For `--config-yaml`; the same for every pod. */
  readonly bootstrap: string;
  /** Answers 200 once the proxy can do its work. */
  readonly ready: { readonly port: number; readonly path: string };
  /** Answers `?seconds=N` when the pod's application may end. */
  readonly drain: { readonly port: number; readonly path: string };
}

export type Quantities = Readonly<Record<string, string>>;

/** The agent has the proxy's certificate signed meanwhile; after a minute the kubelet starts the proxy anew. */
const STARTUP = { periodSeconds: 1, failureThreshold: 60, timeoutSeconds: 1 };

/**
 * The proxy as a native sidecar (KEP-753): it is up before any other container starts, and ends after them. It needs
 * no privilege: the agent has redirected the pod's traffic before. Passes the Pod Security Standard `restricted`.
 *
 * @param serviceName of its spans in traces.
 */
export function proxyContainer(
  { image, uid, logLevel, workers, resources, bootstrap, ready }: ProxyConfig,
  serviceName: string,
) {
  const fromPod = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } });
  return {
    name: PROXY_CONTAINER,
    image,
    restartPolicy: 'Always',
    // Not the image's entrypoint: that of the official image is a script which wants to be root.
    command: ['envoy'],
    args: [
      ...['--config-yaml', bootstrap],
      ...['--service-node', '$(WEFT_POD_NAMESPACE)/$(WEFT_POD_NAME)'],
      ...['--log-level', logLevel],
      ...['--concurrency', String(workers)],
      // Hot restart wants shared memory and has no use here: a new proxy is a new pod.
      '--disable-hot-restart',
      // A port that turns Strict closes the plain connections it has after this, instead of after ten minutes.
      ...['--drain-time-s', '5'],
      // Lines of access logs wait no longer than this; by itself Envoy keeps them for 10 s.
      ...['--file-flush-interval-msec', '1000'],
    ],
    env: [
      ...[fromPod('WEFT_POD_NAME', 'metadata.name'), fromPod('WEFT_POD_NAMESPACE', 'metadata.namespace')],
      { name: 'OTEL_RESOURCE_ATTRIBUTES', value: resourceAttributes(serviceName) },
    ],
    ports: [{ name: 'weft-ready', containerPort: ready.port, protocol: 'TCP' }],
    startupProbe: { httpGet: { path: ready.path, port: ready.port }, ...STARTUP },
    resources,
    securityContext: {
      runAsUser: uid,
      runAsGroup: uid,
      runAsNonRoot: true,
      allowPrivilegeEscalation: false,
      privileged: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    },
  } as const;
}

/** By OpenTelemetry's semantic conventions. */
function resourceAttributes(serviceName: string): string {
  return Object.entries({
    'service.name': serviceName,
    'service.namespace': '$(WEFT_POD_NAMESPACE)',
    'k8s.namespace.name': '$(WEFT_POD_NAMESPACE)',
    'k8s.pod.name': '$(WEFT_POD_NAME)',
  })
    .map(([name, value]) => `${name}=${value}`)
    .join();
}
