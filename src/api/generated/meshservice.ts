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
   * Names by which pods with a proxy, of this namespace, reach the service, for example catalog.example.com. Inside of these pods a name goes before what the cluster's DNS has under it. Of two MeshServices with the same name, the older counts.
   */
  readonly hosts?: readonly string[];
  /**
   * What the Service's ports speak. A TCP port that is not listed speaks what its appProtocol or the prefix of its name says (http-, http2-, grpc-), or else TCP. Of other sources, these are all ports.
   */
  readonly ports: readonly MeshServicePort[];
  /**
   * Parts of the service that a TrafficSplit can name.
   */
  readonly subsets?: readonly MeshServiceSubset[];
  readonly loadBalancing?: MeshServiceLoadBalancing;
  readonly timeouts?: MeshServiceTimeouts;
  readonly retry?: MeshServiceRetry;
  readonly connections?: MeshServiceConnections;
  readonly outlierDetection?: MeshServiceOutlierDetection;
  readonly healthCheck?: MeshServiceHealthCheck;
  readonly rateLimit?: MeshServiceRateLimit;
  readonly telemetry?: MeshServiceTelemetry;
  readonly tls?: MeshServiceTls;
}
/**
 * Where the endpoints come from, by exactly one of its fields.
 */
export interface MeshServiceSource {
  readonly service?: MeshServiceKubernetesSource;
  readonly static?: MeshServiceStaticSource;
  readonly dns?: MeshServiceDnsSource;
  readonly eureka?: MeshServiceEurekaSource;
  readonly consul?: MeshServiceConsulSource;
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
/**
 * Addresses that are listed here, of whatever is not in the cluster. They are called without mutual TLS.
 */
export interface MeshServiceStaticSource {
  /**
   * Of IPv4 and IPv6 together, those of IPv4 are called.
   */
  readonly endpoints: readonly MeshServiceStaticEndpoint[];
}
export interface MeshServiceStaticEndpoint {
  /**
   * An IP address, for example 192.0.2.7.
   */
  readonly address: string;
  /**
   * Where it is called; absent is the targetPort of the port. Only where spec.ports has one entry.
   */
  readonly port?: number;
  /**
   * Its share beside those of the others, for example 2 for twice as much; absent is 1.
   */
  readonly weight?: number;
  /**
   * Where it is, as in the label topology.kubernetes.io/zone of Nodes.
   */
  readonly zone?: string;
  /**
   * What subsets find it by.
   */
  readonly labels?: Readonly<Record<string, string>>;
}
/**
 * The addresses that a name has in the DNS, of whatever is not in the cluster. Each node with callers asks its own name servers as the records run out, and keeps what it has while nobody answers. They are called without mutual TLS.
 */
export interface MeshServiceDnsSource {
  /**
   * A whole name, for example db.example.com. Of addresses of both families, those of IPv4 are called where nodes have such.
   */
  readonly name: string;
}
/**
 * The instances that an application has in Eureka in state UP. The operator asks its servers every ten seconds, and keeps what was found last while none answers. They are called without mutual TLS. An instance has the zone, and the weight, that its metadata say under these names.
 */
export interface MeshServiceEurekaSource {
  /**
   * Its name in Eureka, in any case, for example CATALOG.
   */
  readonly application: string;
  /**
   * Servers of one Eureka, in the order in which they are asked when one does not answer, each as clients have it, for example http://eureka.example.com:8761/eureka. A Kubernetes Service is named eureka.NAMESPACE.svc.
   */
  readonly serviceUrls: readonly string[];
  /**
   * Certificates in PEM that those of https servers are checked against; absent are the public authorities.
   */
  readonly caBundle?: string;
  readonly credentialsSecret?: MeshServiceCredentialsSecret;
}
/**
 * A Secret of the same namespace with the keys username and password, for basic authentication. Its readers must include the service account of the operator.
 */
export interface MeshServiceCredentialsSecret {
  /**
   * The Secret's name, for example eureka.
   */
  readonly name: string;
}
/**
 * The instances that a service has in Consul of which every check is passing. The operator waits for changes of it, and keeps what was found last while nobody answers. They are called without mutual TLS, by the weight and the zone that Consul has of them.
 */
export interface MeshServiceConsulSource {
  /**
   * Its name in Consul, for example catalog.
   */
  readonly service: string;
  /**
   * Of an agent or a server, for example http://consul.example.com:8500. A Kubernetes Service is named consul.NAMESPACE.svc.
   */
  readonly address: string;
  /**
   * Where the service is, for example dc2; absent is where the agent is.
   */
  readonly datacenter?: string;
  /**
   * Only instances with all of these tags, for example primary.
   */
  readonly tags?: readonly string[];
  /**
   * Certificates in PEM that those of https servers are checked against; absent are the public authorities.
   */
  readonly caBundle?: string;
  readonly tokenSecret?: MeshServiceTokenSecret;
}
/**
 * A Secret of the same namespace with the key token, for Consul's access control. Its readers must include the service account of the operator.
 */
export interface MeshServiceTokenSecret {
  /**
   * The Secret's name, for example consul.
   */
  readonly name: string;
}
export interface MeshServicePort {
  /**
   * The port that callers dial, for example 80.
   */
  readonly port: number;
  /**
   * Where endpoints are called: of source.static those that have no port of their own, of source.eureka and source.consul all. Absent is the port that instances are registered with, or else the same as port. Not with source.service, whose Service says it.
   */
  readonly targetPort?: number;
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
   * LeastRequest asks the less busy of two random endpoints, RoundRobin all in turn, Random any. RingHash and Maglev send equal calls to the same endpoint, as hash says; when endpoints change, RingHash moves the fewest calls, and Maglev is spread more evenly.
   */
  readonly policy?: 'RoundRobin' | 'LeastRequest' | 'Random' | 'RingHash' | 'Maglev';
  readonly hash?: MeshServiceHash;
  readonly sessionCookie?: MeshServiceSessionCookie;
  /**
   * How long a new endpoint takes to get its full share, in seconds; it begins with a tenth.
   */
  readonly slowStartSeconds?: number;
  /**
   * When fewer of the endpoints are healthy, by outlierDetection and healthCheck, all are asked nevertheless; 0 is never, absent is 50.
   */
  readonly panicThresholdPercent?: number;
  /**
   * Any asks endpoints wherever they are; Prefer those in the caller's zone (label topology.kubernetes.io/zone of its Node), and others as far as less than 72 % of these are healthy. A caller whose zone has none asks all. Absent is Any.
   */
  readonly zones?: 'Any' | 'Prefer';
}
/**
 * Which calls are equal. A call that lacks it goes to any endpoint. A port of TCP knows SourceAddress only.
 */
export interface MeshServiceHash {
  /**
   * What is looked at.
   */
  readonly by: 'Header' | 'Cookie' | 'Query' | 'SourceAddress';
  /**
   * Of the header, the cookie or the parameter, for example x-user.
   */
  readonly name?: string;
  /**
   * Callers without the cookie are given one for this long, in seconds; absent is none, 0 for their session.
   */
  readonly cookieTtlSeconds?: number;
}
/**
 * Keeps each client at the endpoint that answered it first, for as long as that is there, by a cookie that names the endpoint. HTTP protocols only.
 */
export interface MeshServiceSessionCookie {
  /**
   * The cookie's name, for example weft-endpoint.
   */
  readonly name: string;
  /**
   * How long, in seconds; absent is until the client's session ends.
   */
  readonly ttlSeconds?: number;
}
/**
 * How long callers wait.
 */
export interface MeshServiceTimeouts {
  /**
   * For the whole answer, retries included, in milliseconds; absent is without limit. A rule of a TrafficSplit may say otherwise.
   */
  readonly requestMilliseconds?: number;
  /**
   * The longest silence within a call of HTTP, or on a connection of TCP, in milliseconds; absent is without limit for HTTP, and an hour for TCP.
   */
  readonly idleMilliseconds?: number;
  /**
   * For a connection to an endpoint, in milliseconds; absent is 5000.
   */
  readonly connectMilliseconds?: number;
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
  /**
   * Of a caller's open calls, how many may be retries, three at least; absent is without limit.
   */
  readonly budgetPercent?: number;
}
/**
 * Limits of each calling pod towards all endpoints together; what is over one of the first three fails at once, HTTP with 503. Absent is without limit.
 */
export interface MeshServiceConnections {
  /**
   * Connections open at once; further calls wait for one. Of HTTP/2 one carries many calls.
   */
  readonly max?: number;
  /**
   * Calls that wait for a connection.
   */
  readonly maxPendingRequests?: number;
  /**
   * Calls open at once. HTTP protocols only.
   */
  readonly maxRequests?: number;
  /**
   * Calls after which a connection is replaced. HTTP protocols only.
   */
  readonly maxRequestsPerConnection?: number;
  /**
   * After which a connection without calls is closed, in milliseconds; absent is an hour. HTTP protocols only.
   */
  readonly idleMilliseconds?: number;
}
/**
 * Each caller leaves out endpoints that fail it, for a while. Of TCP, failed connections are errors.
 */
export interface MeshServiceOutlierDetection {
  /**
   * Answers 5xx, or none at all, one after the other, after which an endpoint is left out; 0 is never.
   */
  readonly consecutiveErrors?: number;
  /**
   * As consecutiveErrors, for 502, 503, 504 and connections only; absent is never.
   */
  readonly consecutiveGatewayErrors?: number;
  /**
   * Between two looks whether an endpoint may come back, in milliseconds.
   */
  readonly intervalMilliseconds?: number;
  /**
   * How long it is left out the first time, in milliseconds; longer each further time, up to ten times as long or 5 minutes.
   */
  readonly ejectionMilliseconds?: number;
  /**
   * Of the endpoints that may be left out at once.
   */
  readonly maxEjectedPercent?: number;
}
/**
 * Each calling proxy asks each endpoint whether it is well, and leaves out those that are not: as many questions as callers times endpoints. HTTP protocols only.
 */
export interface MeshServiceHealthCheck {
  /**
   * What is asked for; well is 200. Ports of GRPC are asked by its health service instead.
   */
  readonly path?: string;
  /**
   * Between two questions, in milliseconds.
   */
  readonly intervalMilliseconds?: number;
  /**
   * How long an answer may take, in milliseconds.
   */
  readonly timeoutMilliseconds?: number;
  /**
   * Good answers after which an endpoint is well again; the first one of a new endpoint is enough.
   */
  readonly healthyThreshold?: number;
  /**
   * Answers missed or bad after which it is not; 503 counts at once.
   */
  readonly unhealthyThreshold?: number;
}
/**
 * What each pod of the service with a proxy takes on each port; what is over it is answered with 429 by that proxy. A call is held to the first of the rules that it matches, or else to requestsPerSecond, of all callers together. HTTP protocols only.
 */
export interface MeshServiceRateLimit {
  /**
   * Calls a second; absent is as many as come.
   */
  readonly requestsPerSecond?: number;
  /**
   * Calls at once; absent is as many as a second has.
   */
  readonly burst?: number;
  /**
   * Limits of their own, the first that matches first.
   */
  readonly rules?: readonly MeshServiceRateRule[];
}
/**
 * A limit for the calls that all its conditions hold for.
 */
export interface MeshServiceRateRule {
  readonly path?: MeshServiceRatePath;
  /**
   * The method of the call.
   */
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE' | 'CONNECT' | 'OPTIONS' | 'TRACE' | 'PATCH';
  readonly source?: MeshServiceRateSource;
  /**
   * Calls a second, of all that the rule is for together.
   */
  readonly requestsPerSecond: number;
  /**
   * Calls at once; absent is as many as a second has.
   */
  readonly burst?: number;
}
/**
 * The path of the call.
 */
export interface MeshServiceRatePath {
  /**
   * Exact is the whole path; Prefix goes by whole elements: /api is /api and /api/v1, not /apis. Regex is an expression of RE2 that the whole path is.
   */
  readonly type: 'Exact' | 'Prefix' | 'Regex';
  /**
   * Starts with /, for example /api; an expression too, for example /v[0-9]+/.*
   */
  readonly value: string;
}
/**
 * Who calls, by the identity of its certificate; whoever calls in plain text is nobody.
 */
export interface MeshServiceRateSource {
  /**
   * For example shop.
   */
  readonly namespace?: string;
  /**
   * For example web; without namespace, of any namespace.
   */
  readonly serviceAccount?: string;
}
/**
 * What is told of calls beside the metrics, which are always there. HTTP protocols only.
 */
export interface MeshServiceTelemetry {
  readonly accessLog?: MeshServiceAccessLog;
  readonly tracing?: MeshServiceTracing;
}
/**
 * The proxies of the service's pods write a line of JSON for each call, to the log of their container weft-proxy. Without minStatus and slowerThanMilliseconds it is every call; with both it is those that either is about.
 */
export interface MeshServiceAccessLog {
  /**
   * Calls whose answer has this status or a higher one, for example 500.
   */
  readonly minStatus?: number;
  /**
   * Calls that took longer, in milliseconds.
   */
  readonly slowerThanMilliseconds?: number;
  /**
   * Of these, how many are written.
   */
  readonly percent?: number;
}
/**
 * How callers' and the service's proxies tell of calls to the collector of the chart's value tracing.collector, without which this must be absent.
 */
export interface MeshServiceTracing {
  /**
   * Of calls that belong to no trace yet, how many begin one, in place of the chart's tracing.percent. Traces that callers have begun go on in any case.
   */
  readonly percent: number;
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
  readonly found?: MeshServiceFound;
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
  /**
   * Of what is found in a registry: all that are registered, in whatever state.
   */
  readonly known?: number;
}
/**
 * What a registry answered last. The mesh calls these, and so it does while the registry is away.
 */
export interface MeshServiceFound {
  /**
   * What was looked for; when the spec says something else, they are not called.
   */
  readonly for: string;
  /**
   * Those to call.
   */
  readonly endpoints: readonly MeshServiceFoundEndpoint[];
}
export interface MeshServiceFoundEndpoint {
  /**
   * Its IP address.
   */
  readonly address: string;
  /**
   * Where it listens by its own account.
   */
  readonly port?: number;
  /**
   * Its share beside those of the others.
   */
  readonly weight?: number;
  /**
   * Where it is.
   */
  readonly zone?: string;
  /**
   * What subsets find it by; the rest of what it says of itself is not kept.
   */
  readonly labels?: Readonly<Record<string, string>>;
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
