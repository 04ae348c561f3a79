/** Ports of the proxy's own inside of a pod. 15021 answers probes, 15000 is for people on the node, 15053 is UDP. */
export const PROXY_PORT = { admin: 15000, outbound: 15001, inbound: 15006, ready: 15021, names: 15053 } as const;

export const READY_PATH = '/ready';

/** The abstract unix socket, in the pod's network namespace, at which the agent waits for the proxy. */
export const AGENT_SOCKET = 'weft';

/** Clusters that every proxy has, but for `absent`; those of services have a slash in their names. */
export const FIXED_CLUSTER = {
  /** The pod's own application, at the address that the caller dialled. */
  application: 'weft-application',
  /** What is no service of the mesh, at the address that the application dialled. */
  passthrough: 'weft-passthrough',
  /** Has no endpoint, ever: HTTP answers 503, TCP is closed. */
  nothing: 'weft-nothing',
  /** No proxy has it: a route that leads there answers with the code it keeps for that. */
  absent: 'weft-absent',
} as const;

export const SECRET = { workload: 'workload', roots: 'roots' } as const;

/** Proxies offer this by ALPN to each other, so that TLS of the application's own is told from the mesh's. */
export const MESH_ALPN = 'weft';
