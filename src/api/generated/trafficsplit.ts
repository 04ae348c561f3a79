/** Made from crds/ by `npm run generate`; do not edit. */
import type { Condition, ObjectMeta } from '../meta.ts';

/**
 * Which share of the calls to a port of a service goes where. Of two TrafficSplits (or HTTPRoutes) for the same port the older counts; the other says so in its conditions.
 */
export interface TrafficSplit {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
  readonly spec: TrafficSplitSpec;
  readonly status?: TrafficSplitStatus;
}
/**
 * The port and the rules for calls to it.
 */
export interface TrafficSplitSpec {
  /**
   * The Kubernetes Service, or the MeshService, of the same namespace that is called, for example web.
   */
  readonly service: string;
  /**
   * The port that is called, for example 80.
   */
  readonly port: number;
  /**
   * What happens to calls; the first rule that matches decides. Calls that none matches go to the service as if there were no TrafficSplit.
   */
  readonly rules: readonly TrafficSplitRule[];
}
export interface TrafficSplitRule {
  /**
   * Calls that the rule is for, any of which matches; empty or absent is every call. HTTP protocols only.
   */
  readonly matches?: readonly TrafficSplitMatch[];
  /**
   * Where the calls go, each its share.
   */
  readonly backends: readonly TrafficSplitBackend[];
  /**
   * For the whole answer, retries included, in milliseconds; absent is what the MeshService says.
   */
  readonly timeoutMilliseconds?: number;
}
/**
 * Conditions that hold together.
 */
export interface TrafficSplitMatch {
  readonly path?: TrafficSplitPathMatch;
  /**
   * The method of the call.
   */
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE' | 'CONNECT' | 'OPTIONS' | 'TRACE' | 'PATCH';
  /**
   * Headers that must have exactly these values.
   */
  readonly headers?: readonly TrafficSplitHeaderMatch[];
}
/**
 * The path of the call.
 */
export interface TrafficSplitPathMatch {
  /**
   * Exact is the whole path; Prefix goes by whole elements: /api is /api and /api/v1, not /apis.
   */
  readonly type: 'Exact' | 'Prefix';
  /**
   * Starts with /, for example /api.
   */
  readonly value: string;
}
export interface TrafficSplitHeaderMatch {
  /**
   * The header's name, in any case, for example x-canary.
   */
  readonly name: string;
  /**
   * The header's value.
   */
  readonly value: string;
}
export interface TrafficSplitBackend {
  /**
   * A Kubernetes Service, or a MeshService, of the same namespace; default is spec.service. One that does not exist keeps its share and answers 503.
   */
  readonly service?: string;
  /**
   * A subset of its MeshService, for example v2; absent is the whole service.
   */
  readonly subset?: string;
  /**
   * Its port; default is spec.port.
   */
  readonly port?: number;
  /**
   * The share relative to the other weights, which need not add up to 100.
   */
  readonly weight?: number;
}
/**
 * What has taken effect. Written by the operator.
 */
export interface TrafficSplitStatus {
  readonly proxies?: ProxyCounts;
  /**
   * Accepted: the spec can be followed. ResolvedRefs: everything it names exists. Programmed: every proxy that can be reached has accepted it in this form.
   */
  readonly conditions?: readonly Condition[];
}
/**
 * Proxies that must know this.
 */
export interface ProxyCounts {
  /**
   * Those of Running pods on Ready nodes.
   */
  readonly targeted?: number;
  /**
   * Those that have accepted the newest form.
   */
  readonly acknowledged?: number;
  /**
   * Those that have refused it and keep what they had.
   */
  readonly rejected?: number;
  /**
   * Others; they get the newest form before they serve new pods.
   */
  readonly unreachable?: number;
}
