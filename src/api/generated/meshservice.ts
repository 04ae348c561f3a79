/** Made from crds/ by `npm run generate`; do not edit. */
import type { Condition, ObjectMeta } from '../meta.ts';

/**
 * How meshed pods find, balance, secure and call a service.
 */
export interface MeshService {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
  readonly spec: MeshServiceSpec;
  readonly status?: MeshServiceStatus;
}
/**
 * The service and how it is called.
 */
export interface MeshServiceSpec {
  readonly source: MeshServiceSource;
  /**
   * What the Service's ports speak. A TCP port that is not listed speaks what its appProtocol or the prefix of its name says (http-, http2-, grpc-), or else TCP.
   */
  readonly ports: readonly MeshServicePort[];
  /**
   * Parts of the service that a TrafficSplit can name.
   */
  readonly subsets?: readonly MeshServiceSubset[];
  readonly loadBalancing?: MeshServiceLoadBalancing;
  readonly timeouts?: MeshServiceTimeouts;
  readonly retry?: MeshServiceRetry;
  readonly tls?: MeshServiceTls;
}
/**
 * Where the endpoints come from.
 */
export interface MeshServiceSource {
  readonly service: MeshServiceKubernetesSource;
}
/**
 * A Kubernetes Service of the same namespace. Of two MeshServices that name the same one, the older counts.
 */
export interface MeshServiceKubernetesSource {
  /**
   * The Service's name, for example web.
   */
  readonly name: string;
}
export interface MeshServicePort {
  /**
   * The Service's port, for example 80.
   */
  readonly port: number;
  /**
   * What is spoken on it. HTTP is HTTP/1.1; HTTP2 and GRPC are HTTP/2 without upgrade; TCP is anything.
   */
  readonly protocol: 'HTTP' | 'HTTP2' | 'GRPC' | 'TCP';
  readonly tls?: MeshServicePortTls;
}
/**
 * Overrides spec.tls for this port.
 */
export interface MeshServicePortTls {
  /**
   * See spec.tls.mode.
   */
  readonly mode: 'Permissive' | 'Strict';
}
export interface MeshServiceSubset {
  /**
   * The subset's name, for example v1.
   */
  readonly name: string;
  /**
   * Labels that the subset's pods bear, for example version: v1.
   */
  readonly labels: Readonly<Record<string, string>>;
}
/**
 * How a caller spreads its calls over the endpoints.
 */
export interface MeshServiceLoadBalancing {
  /**
   * LeastRequest asks the less busy of two random endpoints, RoundRobin all in turn, Random any.
   */
  readonly policy?: 'RoundRobin' | 'LeastRequest' | 'Random';
}
/**
 * How long callers wait.
 */
export interface MeshServiceTimeouts {
  /**
   * For the whole answer, retries included, in milliseconds; absent is without limit. A rule of a TrafficSplit may say otherwise.
   */
  readonly requestMilliseconds?: number;
}
/**
 * When a caller's proxy tries again, at another endpoint where there is one. HTTP protocols only.
 */
export interface MeshServiceRetry {
  /**
   * Tries after the first, 0 to 10; 0 is none.
   */
  readonly attempts?: number;
  /**
   * How long one try may take, in milliseconds; absent is as long as the request.
   */
  readonly perTryTimeoutMilliseconds?: number;
  /**
   * After what to try again. ConnectFailure and Refused are safe, as nobody has worked on the request. GatewayError (502, 503, 504) is retried only for methods that may be repeated: GET, HEAD, OPTIONS, TRACE, PUT, DELETE.
   */
  readonly when?: readonly ('ConnectFailure' | 'Refused' | 'GatewayError')[];
}
/**
 * Whether calls must be mutual TLS. Between meshed pods they always are.
 */
export interface MeshServiceTls {
  /**
   * Permissive lets pods outside of the mesh call in plain text; Strict refuses them, also on ports of the pods that no Service lists.
   */
  readonly mode?: 'Permissive' | 'Strict';
}
/**
 * What has taken effect. Written by the operator.
 */
export interface MeshServiceStatus {
  readonly endpoints?: MeshServiceEndpoints;
  readonly proxies?: ProxyCounts;
  /**
   * Accepted: the spec can be followed. ResolvedRefs: everything it names exists. Programmed: every proxy that can be reached has accepted it in this form.
   */
  readonly conditions?: readonly Condition[];
}
/**
 * Endpoints of the service.
 */
export interface MeshServiceEndpoints {
  /**
   * Those that are ready.
   */
  readonly total?: number;
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
