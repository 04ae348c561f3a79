import { canonicalIp, type Family, familyOf } from '../../lib/ip.ts';

/** A port of the node that leads to a port of a pod. */
export interface HostPort {
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  readonly hostPort: number;
  readonly containerPort: number;
  /** The one address of the node that has the port, in its canonical form; absent: every address. */
  readonly hostIp?: string;
}

/** How hostPort may be written: `TCP 192.0.2.1:8080`, or `TCP *:8080`. */
export function hostPortText({ protocol, hostIp, hostPort }: HostPort): string {
  return `${protocol} ${hostIp === undefined ? '*' : familyOf(hostIp) === 6 ? `[${hostIp}]` : hostIp}:${hostPort}`;
}

/** Without repetitions: a port of every address is found once a family. */
export function distinctPorts(ports: readonly HostPort[]): readonly HostPort[] {
  return [...new Map(ports.map((port) => [hostPortText(port), port])).values()];
}

/** Whether one packet could be meant for both. */
export function collide(a: HostPort, b: HostPort): boolean {
  const isSameAddress = a.hostIp === undefined || b.hostIp === undefined || a.hostIp === b.hostIp;
  return a.protocol === b.protocol && a.hostPort === b.hostPort && isSameAddress;
}

/** What keeps a pod with one address of each of `families` from having the ports; undefined when nothing does. */
export function hostPortProblem(
  wanted: readonly HostPort[],
  families: readonly Family[],
  held: readonly HostPort[],
): string | undefined {
  for (const [index, port] of wanted.entries()) {
    const text = hostPortText(port);
    if (port.hostIp !== undefined && !families.includes(familyOf(port.hostIp))) {
      return `hostPort ${text}: the pod has no IPv${familyOf(port.hostIp)} address to lead to; choose another hostIP`;
    }
    if (wanted.slice(0, index).some((other) => collide(port, other))) return `hostPort ${text} is asked for twice`;
    const taken = held.find((other) => collide(port, other));
    if (taken !== undefined) {
      return `hostPort ${text}: a pod of this node has ${hostPortText(taken)} already; choose another port, or wait until that pod is gone`;
    }
  }
  return undefined;
}

const PROTOCOLS = ['TCP', 'UDP', 'SCTP'] as const;

/**
 * The `portMappings` of a container runtime; entries without a hostPort are none. @returns as text what is wrong.
 */
export function parseHostPorts(value: unknown): readonly HostPort[] | string {
  if (!Array.isArray(value)) return 'must be a list';
  const ports: HostPort[] = [];
  for (const [index, entry] of (value as readonly unknown[]).entries()) {
    const fields = typeof entry === 'object' && entry !== null ? (entry as Readonly<Record<string, unknown>>) : {};
    const { hostPort, containerPort, protocol: named = 'tcp', hostIP = '', hostIp = hostIP } = fields;
    if (hostPort === undefined || hostPort === 0) continue;
    if (!isPort(hostPort)) return `[${index}].hostPort must be a port from 1 to 65535`;
    if (!isPort(containerPort)) return `[${index}].containerPort must be a port from 1 to 65535`;
    const protocol = PROTOCOLS.find((known) => known === String(named).toUpperCase());
    if (protocol === undefined) return `[${index}].protocol must be tcp, udp or sctp, not '${String(named)}'`;
    const address = typeof hostIp === 'string' ? canonicalIp(hostIp) : undefined;
    if (hostIp !== '' && address === undefined) return `[${index}].hostIP must be an IP address or empty`;
    const isAny = address === undefined || address === '0.0.0.0' || address === '::';
    ports.push({ protocol, hostPort, containerPort, ...(isAny ? {} : { hostIp: address }) });
  }
  return ports;
}

function isPort(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65_535;
}
