import type { Container, Pod } from '../../api/kubernetes.ts';
import { REASON } from '../../api/reasons.ts';
import { INJECT_LABEL, PROXY_MARK } from '../../model/mesh/identity.ts';
import type { Problem } from '../../model/problem.ts';
import type { PatchOperation } from '../review.ts';
import { drainPatch, drainSecondsOf } from './drain.ts';
import { overriddenBy } from './overrides.ts';
import { PROXY_CONTAINER, type ProxyConfig, proxyContainer } from '../../model/mesh/proxy-container.ts';

/** What to change about a new pod, with what its author should know; or why the pod cannot be as it is. */
export type Injection =
  | { readonly patch: readonly PatchOperation[]; readonly warnings: readonly string[] }
  | { readonly problem: Problem };

const UNCHANGED: Injection = { patch: [], warnings: [] };

/**
 * Gives `pod` the proxy, as its first init container: what starts before the proxy would have no network. Whether
 * the pod is to have one at all has been decided by the selectors of the webhook's configuration, which see its
 * namespace as it is now.
 *
 * Safe to repeat: a pod that has the proxy gets no second one, and when another webhook has put a container before
 * it, it goes to the front again. What others have changed about the proxy's container stays.
 */
export function injectPatch(pod: Pod, config: ProxyConfig): Injection {
  if (pod.metadata.labels?.[INJECT_LABEL] === 'disabled') return UNCHANGED;
  if (pod.spec.hostNetwork === true) {
    const warning = 'weft: the pod gets no proxy, because it uses the network of its node (spec.hostNetwork)';
    return { patch: [], warnings: [warning] };
  }
  const problem = problemOf(pod, config);
  if (problem !== undefined) return { problem };
  const drainSeconds = drainSecondsOf(pod);
  if (typeof drainSeconds !== 'number') return { problem: drainSeconds };
  const own = overriddenBy(pod, config);
  if ('reason' in own) return { problem: own };
  const drain = drainPatch(pod, config.drain, drainSeconds);
  return { patch: [...proxyPatch(pod, own), ...markPatch(pod), ...drain], warnings: [] };
}

function problemOf({ metadata, spec }: Pod, { uid }: ProxyConfig): Problem | undefined {
  const { initContainers = [], containers } = spec;
  const isMarked = metadata.labels?.[PROXY_MARK] === 'injected';
  const all = [
    ...initContainers.map((container, index) => ({ container, path: `spec.initContainers[${index}]`, isInit: true })),
    ...containers.map((container, index) => ({ container, path: `spec.containers[${index}]`, isInit: false })),
  ];
  for (const { container, path, isInit } of all) {
    if (container.name === PROXY_CONTAINER) {
      const problem = isInit && isMarked ? proxyProblemOf(container, path, uid) : nameTaken(path);
      if (problem !== undefined) return problem;
    } else if ((container.securityContext?.runAsUser ?? spec.securityContext?.runAsUser) === uid) {
      return {
        path: `${path}.securityContext.runAsUser`,
        reason: REASON.proxyUserTaken,
        message: `must not be ${uid}, for the pod or for a container: the proxy runs as that user, and its connections are not secured by the mesh`,
      };
    }
  }
  return undefined;
}

function nameTaken(path: string): Problem {
  const message = `must not be '${PROXY_CONTAINER}': Weft gives that name to the proxy's container`;
  return { path: `${path}.name`, reason: REASON.proxyNameTaken, message };
}

/** Of one that is there already: it works only as what it was made. */
function proxyProblemOf({ restartPolicy, securityContext }: Container, path: string, uid: number): Problem | undefined {
  const reason = REASON.proxyChanged;
  if (restartPolicy !== 'Always') {
    return { path: `${path}.restartPolicy`, reason, message: "must be 'Always': the proxy runs beside the others" };
  }
  if (securityContext?.runAsUser !== uid) {
    const message = `must be ${uid}: the connections of any other user are sent to the proxy, its own too`;
    return { path: `${path}.securityContext.runAsUser`, reason, message };
  }
  return undefined;
}

function proxyPatch({ metadata, spec: { initContainers } }: Pod, config: ProxyConfig): PatchOperation[] {
  const container = () => proxyContainer(config, serviceNameOf(metadata.labels));
  if (initContainers === undefined) {
    return [{ op: 'add', path: '/spec/initContainers', value: [container()] }];
  }
  const place = initContainers.findIndex(({ name }) => name === PROXY_CONTAINER);
  if (place === 0) return [];
  if (place < 0) return [{ op: 'add', path: '/spec/initContainers/0', value: container() }];
  return [
    { op: 'remove', path: `/spec/initContainers/${place}` },
    { op: 'add', path: '/spec/initContainers/0', value: initContainers[place] },
  ];
}

/** As OpenTelemetry has it of workloads in Kubernetes. */
function serviceNameOf(labels: Readonly<Record<string, string>> = {}): string {
  return labels['app.kubernetes.io/name'] ?? labels['app'] ?? '$(WEFT_POD_NAME)';
}

function markPatch({ metadata: { labels } }: Pod): PatchOperation[] {
  if (labels?.[PROXY_MARK] === 'injected') return [];
  if (labels === undefined) return [{ op: 'add', path: '/metadata/labels', value: { [PROXY_MARK]: 'injected' } }];
  // RFC 6901: "/" within a key is written "~1".
  return [{ op: 'add', path: `/metadata/labels/${PROXY_MARK.replace('/', '~1')}`, value: 'injected' }];
}
