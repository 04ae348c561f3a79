/**
 * Ports of the proxy's own inside of a pod. 15000 is for the agent alone; 15021 answers probes; at 15022 it is the agent
 * that answers, to preStop hooks; 15053 is UDP.
 */
export const PROXY_PORT = {
  admin: 15000,
  outbound: 15001,
  inbound: 15006,
  ready: 15021,
  drain: 15022,
  names: 15053,
} as const;

/** Packets of the agent's to the administration carry it: no process without privileges can set one. */
export const ADMIN_MARK = 0x57e7;

export const READY_PATH = '/ready';
export const DRAIN_PATH = '/drain';

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
