import { REASON } from '../../api/reasons.ts';
import type { PortIr } from '../node/ir.ts';
import type { Problem } from '../problem.ts';

export type Protocol = PortIr['protocol'];
/** Those that have ports. */
export const PROTOCOLS = ['TCP', 'UDP', 'SCTP'] as const;

/** A port known by the name that a pod's container gave it; its number differs from pod to pod. */
export interface NamedPort {
  readonly protocol: Protocol;
  readonly name: string;
}

export type PortForm = PortIr | NamedPort;

/** What both namespaced APIs write in `ports[]`; Weft's has no names, Kubernetes' no ICMP. */
export interface PortSpec {
  readonly protocol?: Protocol;
  readonly port?: number | string;
  readonly endPort?: number;
  readonly icmp?: { readonly type: number; readonly code?: number };
}

const LAST_PORT = 65_535;
const LAST_ICMP_TYPE = 255;

export function isNamedPort(port: PortForm): port is NamedPort {
  return 'name' in port;
}

/** Key of `PodFacts.namedPorts`. */
export function namedPortKey({ protocol, name }: NamedPort): string {
  return `${protocol}/${name}`;
}

/** No ports, or an empty list, is every protocol and port. `path` is the field path of the list. */
export function translatePorts(
  ports: readonly PortSpec[] | undefined,
  path: string,
  problems: Problem[],
): 'any' | readonly PortForm[] {
  if (ports === undefined || ports.length === 0) return 'any';
  return ports.flatMap((spec, index): PortForm[] => {
    const { protocol = 'TCP', port, endPort, icmp } = spec;
    if (protocol === 'ICMP' || protocol === 'ICMPv6') return [icmpForm(protocol, icmp)];
    if (port === undefined) return [{ protocol, from: 0, to: LAST_PORT }];
    if (typeof port === 'string') return [{ protocol, name: port }];
    if (endPort !== undefined && endPort < port) {
      problems.push({
        path: `${path}[${index}].endPort`,
        reason: REASON.unsupportedValue,
        message: `must not be less than port ${port}; the entry matches nothing`,
      });
      return [];
    }
    return [{ protocol, from: port, to: endPort ?? port }];
  });
}

function icmpForm(protocol: 'ICMP' | 'ICMPv6', icmp: PortSpec['icmp']): PortIr {
  if (icmp === undefined) return { protocol, from: 0, to: LAST_ICMP_TYPE };
  const { type, code } = icmp;
  return { protocol, from: type, to: type, ...(code === undefined ? {} : { code }) };
}

/** Sorted by protocol, code and number; ranges of one protocol and code that touch or overlap become one. */
export function coalescePorts(ports: readonly PortIr[]): PortIr[] {
  const joined: { protocol: Protocol; from: number; to: number; code?: number }[] = [];
  const codeOf = ({ code = -1 }: PortIr) => code;
  const sorted = [...ports].sort(
    (a, b) => compareText(a.protocol, b.protocol) || codeOf(a) - codeOf(b) || a.from - b.from || a.to - b.to,
  );
  for (const port of sorted) {
    const previous = joined.at(-1);
    const isSameKind = previous?.protocol === port.protocol && previous.code === port.code;
    if (isSameKind && port.from <= previous.to + 1) previous.to = Math.max(previous.to, port.to);
    else joined.push({ ...port });
  }
  return joined;
}

/** By UTF-16 code unit, which does not depend on a locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
