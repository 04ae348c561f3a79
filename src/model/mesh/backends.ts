import { REASON } from '../../api/reasons.ts';
import type { BackendIr } from '../node/ir.ts';
import type { Problem } from '../problem.ts';
import { meshServiceFor, type MeshIndex } from './mesh-index.ts';
import { meshPortsOf } from './protocol.ts';

/** Key of an `endpoints` resource: all of a service port's endpoints, or those of a subset. */
export function clusterKey(serviceKey: string, port: number, subset?: string): string {
  return `${serviceKey}:${port}${subset === undefined ? '' : `|${subset}`}`;
}

/** What `clusterKey` was made of; undefined for another key. */
export function parseClusterKey(key: string): { service: string; port: number; subset?: string } | undefined {
  const {
    service = '',
    port,
    subset,
  } = /^(?<service>[^:]+):(?<port>[0-9]+)(?:[|](?<subset>.+))?$/.exec(key)?.groups ?? {};
  return port === undefined ? undefined : { service, port: Number(port), ...(subset === undefined ? {} : { subset }) };
}

interface BackendRef {
  readonly serviceKey: string;
  readonly port: number;
  readonly subset?: string;
  readonly weight: number;
  /** Field path of the reference. */
  readonly path: string;
  /** What its field for the service is called. */
  readonly serviceField: 'service' | 'name';
  /** What follows from a service that does not exist. */
  readonly consequence?: string;
}

/**
 * The backend that a reference means. One that means nothing keeps its weight, so that a typo shows as errors in its
 * own share instead of as load on its neighbours (Gateway API's rule for HTTPRoute.backendRefs).
 */
export function resolveBackend(index: MeshIndex, ref: BackendRef, problems: Problem[]): BackendIr {
  const { serviceKey, port, subset, weight, path } = ref;
  const problem = unresolved(index, ref);
  if (problem === undefined) return { cluster: clusterKey(serviceKey, port, subset), weight };
  problems.push({ path: `${path}.${problem.field}`, reason: problem.reason, message: problem.message });
  return { weight };
}

function unresolved(index: MeshIndex, ref: BackendRef) {
  const { serviceKey, port, subset, serviceField } = ref;
  const { consequence = 'its share of the calls is answered with 503' } = ref;
  const service = index.service(serviceKey);
  if (service === undefined) {
    const message = `must name a Service that exists; there is no '${serviceKey}', ${consequence}`;
    return { field: serviceField, reason: REASON.serviceNotFound, message };
  }
  const ports = meshPortsOf(service).map((candidate) => candidate.port);
  if (!ports.includes(port)) {
    const known = ports.length === 0 ? 'it has none' : `it has ${ports.join(', ')}`;
    const message = `must be a TCP port of Service '${serviceKey}'; ${known}, and not ${port}`;
    return { field: 'port', reason: REASON.portNotFound, message };
  }
  if (subset === undefined) return undefined;
  const subsets = (meshServiceFor(index, serviceKey)?.spec.subsets ?? []).map(({ name }) => name);
  if (subsets.includes(subset)) return undefined;
  const known = subsets.length === 0 ? 'none is declared' : `there are ${subsets.join(', ')}`;
  const message = `must be a subset in the MeshService of '${serviceKey}'; ${known}, and not '${subset}'`;
  return { field: 'subset', reason: REASON.subsetNotFound, message };
}
