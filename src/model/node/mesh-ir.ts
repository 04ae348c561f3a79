import type {
  HeaderChangeIr,
  LoadBalancing,
  RateLimitIr,
  RouteMatchMoreIr,
  RouteSendingIr,
  SendingIr,
  ValueMatchIr,
} from './sending-ir.ts';

/** What a node is told of the mesh: part of the vocabulary of `ir.ts`. */

export type TlsMode = 'Permissive' | 'Strict';
export type AppProtocol = 'HTTP' | 'HTTP2' | 'GRPC' | 'TCP';

export interface PodMeshIr {
  /** `spiffe://<trust domain>/ns/<namespace>/sa/<service account>`. */
  readonly spiffeId: string;
  readonly proxyUid: number;
  /** For ports not listed in `inbound`. */
  readonly tlsMode: TlsMode;
  readonly inbound: readonly InboundPortIr[];
  /** The pod is one of this Gateway's, `namespace/name`: there is no application, and nothing is redirected. */
  readonly gateway?: string;
  /** Container ports of declared probes: host traffic to these bypasses the proxy. */
  readonly probePorts: readonly number[];
}

export interface InboundPortIr {
  /** The port the application listens on. */
  readonly port: number;
  readonly protocol: AppProtocol;
  readonly tlsMode: TlsMode;
  /** Of all calls together that no rule is for. */
  readonly rateLimit?: RateLimitIr;
  /** The first that matches a call holds it; absent: none. */
  readonly rateRules?: readonly RateRuleIr[];
  /** Absent: no call is written down. */
  readonly accessLog?: AccessLogIr;
  /** HTTP protocols only. */
  readonly traces?: TracesIr;
}

export interface RateRuleIr {
  readonly match: RouteMatchIr;
  readonly limit: RateLimitIr;
}

/** Spans are told to a collector; calls of a trace that the caller takes part in always are. */
export interface TracesIr {
  /** Key of a resource `endpoints`; takes OTLP by HTTP. */
  readonly collector: string;
  /** Of calls without a trace, how many begin one: 0 to 100. */
  readonly percent: number;
}

/** Calls of a status, or slower than that: either; without both every call. */
export interface AccessLogIr {
  readonly minStatus?: number;
  readonly slowerThanMs?: number;
  /** 1 to 100. */
  readonly percent: number;
}

/** What the proxies of a Gateway do. */
export interface GatewayIr {
  readonly ports: readonly { readonly port: number; readonly chains: readonly GatewayChainIr[] }[];
  readonly traces?: TracesIr;
}

/** Connections to a port that are told apart by the name that they ask TLS for. */
export interface GatewayChainIr {
  /** Unique on its port. */
  readonly name: string;
  /** TLS is passed through as it is. */
  readonly protocol: 'HTTP' | 'HTTPS' | 'TLS';
  /** Empty: any, and none. */
  readonly serverNames: readonly string[];
  /** Keys of resources `gatewayCertificate`; HTTPS only. */
  readonly certificates: readonly string[];
  /** By the Host header, the most exact first; HTTP and HTTPS. A host that is not there is answered with 404. */
  readonly hosts: readonly GatewayHostIr[];
  /** TLS only. */
  readonly backends: readonly BackendIr[];
}

export interface GatewayHostIr {
  /** `shop.example.com`, `*.example.com` or `*`. */
  readonly host: string;
  /** First match wins; a call that none matches is answered with 404. */
  readonly rules: readonly RouteRuleIr[];
}

/** PEM. It is nowhere but in memory, and goes to nodes with a pod of the Gateway only. */
export interface GatewayCertificateIr {
  readonly chainPem: string;
  readonly keyPem: string;
}

/** A service that meshed pods can call. */
export interface ServiceIr {
  readonly namespace: string;
  readonly name: string;
  readonly clusterIPs: readonly string[];
  /** Names that lead to these addresses, for pods of the namespace that have a proxy; absent: none. */
  readonly hosts?: readonly string[];
  readonly ports: readonly ServicePortIr[];
}

export interface ServicePortIr {
  /** The port callers dial. */
  readonly port: number;
  readonly protocol: AppProtocol;
  /** HTTP protocols only, first match wins; TCP has exactly one rule without matches. */
  readonly rules: readonly RouteRuleIr[];
  /** HTTP protocols only. */
  readonly traces?: TracesIr;
}

export interface RouteRuleIr extends RouteSendingIr {
  /** Where the rule came from: `Service ns/name`, `TrafficSplit ns/name`, `HTTPRoute ns/name`. */
  readonly origin: string;
  /** Any of which matches; empty: everything. */
  readonly matches: readonly RouteMatchIr[];
  readonly backends: readonly BackendIr[];
  readonly timeoutMs?: number;
  readonly retry?: RetryIr;
}

export interface RouteMatchIr extends RouteMatchMoreIr {
  readonly path?: { readonly type: 'Exact' | 'Prefix' | 'Regex'; readonly value: string };
  readonly method?: string;
  readonly headers: readonly ValueMatchIr[];
}

export interface RetryIr {
  /** Retries, not counting the first try. */
  readonly attempts: number;
  /** Of one try. */
  readonly perTryTimeoutMs?: number;
  /** Only conditions under which the request cannot have been worked on, unless the method is idempotent. */
  readonly on: readonly ('ConnectFailure' | 'Refused' | 'GatewayError')[];
}

export interface BackendIr {
  /** Key of an `endpoints` resource; absent: names nothing, keeps its weight and answers 503, of an HTTPRoute 500. */
  readonly cluster?: string;
  /** Relative, 0..1_000_000. */
  readonly weight: number;
  readonly requestHeaders?: HeaderChangeIr;
  readonly responseHeaders?: HeaderChangeIr;
}

/** Key: `namespace/name:port` of the service port, and `|subset` behind it for a subset. */
export interface EndpointsIr extends SendingIr {
  readonly protocol: AppProtocol;
  readonly loadBalancing: LoadBalancing;
  readonly connectTimeoutMs: number;
  readonly endpoints: readonly EndpointIr[];
  /** Where the addresses are that the node finds under this name, instead of `endpoints`. */
  readonly dns?: { readonly name: string; readonly port: number };
}

export interface EndpointIr {
  readonly address: string;
  readonly port: number;
  /** Of the pod behind it when that pod carries the proxy: the call is mutual TLS and must present this identity. */
  readonly spiffeId?: string;
  /** Only where zones count. */
  readonly zone?: string;
  /** Its share beside those of the others; absent: 1. */
  readonly weight?: number;
}
