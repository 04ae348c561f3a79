/** What a flag of Envoy's access log means in Weft, whoever wrote it. */
export interface FlagMeaning {
  readonly name: string;
  /** Whose proxy can say so. Access logs are of called pods' proxies; of callers' proxies `weft proxy config POD stats` counts. */
  readonly at: 'caller' | 'called' | 'both' | 'nowhere';
  readonly means: string;
  readonly next: string;
}

const UNUSED = 'nothing of Weft makes it: look whose proxy wrote it';
const LAGS = 'weft proxy status shows whether the proxy has what it was told';

export const RESPONSE_FLAGS: Readonly<Record<string, FlagMeaning>> = {
  UH: {
    name: 'NoHealthyUpstream',
    at: 'caller',
    means: 'the backend that was drawn has no endpoint, or all of them are left out: answered with 503',
    next: `see why its pods are not ready, and the labels of the subset; ${LAGS}`,
  },
  UF: {
    name: 'UpstreamConnectionFailure',
    at: 'both',
    means:
      "no connection: at the caller, the endpoint's pod does not answer, a policy forbids it, or one side refuses the other's certificate; at the called pod, its application does not listen at the port",
    next: 'weft explain CALLER POD:PORT for the policies; kubectl logs of the application for the port',
  },
  UO: {
    name: 'UpstreamOverflow',
    at: 'caller',
    means: 'a limit of connections or requests of this one caller is met: answered with 503',
    next: 'raise spec.connections of the MeshService, or add pods: the limit is of each caller by itself',
  },
  NR: {
    name: 'NoRouteFound',
    at: 'caller',
    means:
      'no rule is about the request: answered with 404. It is so of HTTPRoutes; a TrafficSplit leaves the rest to the service',
    next: 'add a rule without matches, or see below what each rule asks',
  },
  URX: {
    name: 'UpstreamRetryLimitExceeded',
    at: 'caller',
    means: 'every try that the rule allows has failed; on TCP, every try to connect',
    next: 'the flag beside it says why the last try failed; more attempts help only where endpoints differ',
  },
  UT: {
    name: 'UpstreamRequestTimeout',
    at: 'caller',
    means: "no whole answer within the rule's timeout: answered with 504. Called pods' logs show DC for the same call",
    next: 'see in the log of the called pod how long it works, then change the timeout or the application',
  },
  UC: {
    name: 'UpstreamConnectionTermination',
    at: 'both',
    means:
      'the connection was closed before the answer was whole: by the endpoint, or at the called pod by its application',
    next: 'see whether the application ended, or closes idle connections sooner than connections.idleMilliseconds',
  },
  UR: {
    name: 'UpstreamRemoteReset',
    at: 'both',
    means: 'the endpoint, or at the called pod its application, ended this one request',
    next: "see the application's own log",
  },
  LR: {
    name: 'LocalReset',
    at: 'both',
    means: 'the proxy itself ended the request towards the endpoint, for example as the connection was drained',
    next: `seen at changes of endpoints or at the end of a pod; if it lasts: ${LAGS}`,
  },
  LH: { name: 'FailedLocalHealthCheck', at: 'nowhere', means: 'a proxy that fails its own health check', next: UNUSED },
  DC: {
    name: 'DownstreamConnectionTermination',
    at: 'both',
    means: "who asked hung up before the answer: in a called pod's log mostly the timeout of the caller, or of one try",
    next: "compare the milliseconds of the line with the rule's timeout; if they are fewer, the client itself gave up",
  },
  DR: {
    name: 'DownstreamRemoteReset',
    at: 'both',
    means: 'who asked ended this one request: the same as DC where connections carry several',
    next: "compare the milliseconds of the line with the rule's timeout",
  },
  DPE: {
    name: 'DownstreamProtocolError',
    at: 'both',
    means: 'who asked does not speak the protocol that the port is said to speak',
    next: 'correct spec.ports of the MeshService, or the name or appProtocol of the port',
  },
  UPE: {
    name: 'UpstreamProtocolError',
    at: 'both',
    means:
      'who answers does not speak the protocol that the port is said to speak, such as HTTP/1.1 where HTTP2 is said',
    next: 'correct spec.ports of the MeshService, or the name or appProtocol of the port',
  },
  DI: {
    name: 'DelayInjected',
    at: 'caller',
    means: 'a fault of a TrafficSplit delayed the call; the timeout does not count that',
    next: 'take `fault` out of the rule when the trial is over',
  },
  FI: {
    name: 'FaultInjected',
    at: 'caller',
    means: 'a fault of a TrafficSplit answered in place of a backend; such calls are not tried again',
    next: 'take `fault` out of the rule when the trial is over',
  },
  RL: {
    name: 'RateLimited',
    at: 'called',
    means: "the called pod has more calls than its MeshService's rateLimit: answered with 429",
    next: 'raise spec.rateLimit, which is of each pod for all its callers together, or add pods',
  },
  RLSE: {
    name: 'RateLimitServiceError',
    at: 'nowhere',
    means: 'a rate limit service failed: Weft has none',
    next: UNUSED,
  },
  UAEX: {
    name: 'UnauthorizedExternalService',
    at: 'nowhere',
    means:
      'an external authorization refused the call: Weft has none. Policies refuse with 403 and no flag, and `why` begins with rbac_access_denied',
    next: 'weft explain CALLER POD:PORT --http REQUEST shows the policy',
  },
  NC: {
    name: 'NoClusterFound',
    at: 'caller',
    means: 'a backend of an HTTPRoute names nothing: its share is answered with 500',
    next: 'correct the backendRef, or add the ReferenceGrant that it needs',
  },
  SI: {
    name: 'StreamIdleTimeout',
    at: 'caller',
    means: 'longer silence within a call than the MeshService allows',
    next: 'raise timeouts.idleMilliseconds, or let the application send something meanwhile',
  },
  OM: {
    name: 'OverloadManagerTerminated',
    at: 'both',
    means: 'the proxy has as many connections as it can have',
    next: 'weft proxy config POD stats --filter overload',
  },
  DF: {
    name: 'DnsResolutionFailed',
    at: 'nowhere',
    means: 'a proxy that asks the DNS: agents do that here',
    next: UNUSED,
  },
  IH: {
    name: 'InvalidEnvoyRequestHeaders',
    at: 'nowhere',
    means: "a header of Envoy's own is malformed",
    next: UNUSED,
  },
  DT: { name: 'DurationTimeout', at: 'nowhere', means: 'the longest time of a connection is over', next: UNUSED },
  UMSDR: {
    name: 'UpstreamMaxStreamDurationReached',
    at: 'nowhere',
    means: 'the longest time of a call is over',
    next: UNUSED,
  },
  RFCF: { name: 'ResponseFromCacheFilter', at: 'nowhere', means: 'answered from a cache', next: UNUSED },
  NFCF: { name: 'NoFilterConfigFound', at: 'nowhere', means: 'a filter has not come in time', next: UNUSED },
  DO: { name: 'DropOverLoad', at: 'nowhere', means: 'dropped by an order of the control plane', next: UNUSED },
};
