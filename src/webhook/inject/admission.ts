import type { Pod } from '../../api/kubernetes.ts';
import type { AdmissionRequest, AdmissionResponse } from '../review.ts';
import { injectPatch } from './patch.ts';
import type { ProxyConfig } from '../../model/mesh/proxy-container.ts';

/** Answers the API server about new pods: `injectPatch` behind AdmissionReview. Serve it at `INJECT_PATH`. */
export function createInjectHandler(config: ProxyConfig): (request: AdmissionRequest) => Promise<AdmissionResponse> {
  return async ({ object }) => {
    const pod = parsePod(object);
    if (typeof pod === 'string') return { allowed: false, code: 400, message: `weft: ${pod}` };
    const injection = injectPatch(pod, config);
    if (!('problem' in injection)) return { allowed: true, ...injection };
    const { path, message } = injection.problem;
    return { allowed: false, code: 403, message: `weft: ${path} ${message}` };
  };
}

/** The API server has checked the pod against its own schema: only what must be there is looked for. */
function parsePod(object: unknown): Pod | string {
  const pod = object as Partial<Pod> | null | undefined;
  if (typeof pod !== 'object' || pod === null) return 'request.object must be a pod';
  if (typeof pod.metadata !== 'object' || pod.metadata === null) return 'request.object.metadata must be an object';
  if (!Array.isArray(pod.spec?.containers)) return 'request.object.spec.containers must be a list';
  return pod as Pod;
}
