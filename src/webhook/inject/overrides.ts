import type { Pod } from '../../api/kubernetes.ts';
import { REASON } from '../../api/reasons.ts';
import type { Problem } from '../../model/problem.ts';
import type { ProxyConfig } from '../../model/mesh/proxy-container.ts';

/** What a pod's annotations may say of its own proxy. */
const IMAGE = 'weft.dev/proxy-image';
const CONCURRENCY = 'weft.dev/proxy-concurrency';
const QUANTITIES = [
  ['weft.dev/proxy-cpu', 'requests', 'cpu'],
  ['weft.dev/proxy-memory', 'requests', 'memory'],
  ['weft.dev/proxy-cpu-limit', 'limits', 'cpu'],
  ['weft.dev/proxy-memory-limit', 'limits', 'memory'],
] as const;

const MOST_WORKERS = 64;
/** As the API server takes one (resource.Quantity), of positive ones. */
const QUANTITY = /^[0-9]+(\.[0-9]+)?(m|[kMGTPE]|[KMGTPE]i|[eE][0-9]+)?$/;

/** The configuration of the proxy of this pod; or which annotation cannot be. */
export function overriddenBy({ metadata: { annotations = {} } }: Pod, config: ProxyConfig): ProxyConfig | Problem {
  const wrong = Object.entries(CHECKS).find(([name, { isValid }]) => {
    const value = annotations[name];
    return value !== undefined && !isValid(value);
  });
  if (wrong !== undefined) {
    const [name, { must }] = wrong;
    const message = `must be ${must}, and not '${annotations[name]}'`;
    return { path: `metadata.annotations['${name}']`, reason: REASON.invalidProxySetting, message };
  }
  const { requests = {}, limits = {} } = config.resources;
  const asked = { requests: { ...requests }, limits: { ...limits } };
  for (const [name, of, resource] of QUANTITIES) {
    const value = annotations[name];
    if (value !== undefined) asked[of][resource] = value;
  }
  return {
    ...config,
    image: annotations[IMAGE] ?? config.image,
    workers: Number(annotations[CONCURRENCY] ?? config.workers),
    resources: {
      ...(Object.keys(asked.requests).length > 0 && { requests: asked.requests }),
      ...(Object.keys(asked.limits).length > 0 && { limits: asked.limits }),
    },
  };
}

const CHECKS: Readonly<Record<string, { readonly must: string; readonly isValid: (value: string) => boolean }>> = {
  [IMAGE]: { must: 'the name of an image', isValid: (value) => /^\S+$/.test(value) },
  [CONCURRENCY]: {
    must: `a number of threads, 1 to ${MOST_WORKERS}`,
    isValid: (value) => /^[0-9]{1,2}$/.test(value) && Number(value) >= 1 && Number(value) <= MOST_WORKERS,
  },
  ...Object.fromEntries(
    QUANTITIES.map(([name]) => [
      name,
      { must: 'a quantity, such as 100m or 128Mi', isValid: (value) => QUANTITY.test(value) },
    ]),
  ),
};
