import { REASON } from '../../api/reasons.ts';
import type { PortIr } from '../node/ir.ts';
import type { Problem } from '../problem.ts';

export type Protocol = PortIr['protocol'];
export const PROTOCOLS: readonly Protocol[] = ['TCP', 'UDP', 'SCTP'];

/** A port known by the name that a pod's container gave it; its number differs from pod to pod. */
export interface NamedPort {
  readonly protocol: Protocol;
  readonly name: string;
}

export type PortForm = PortIr | NamedPort;

/** What both APIs write in `ports[]`; Weft's has no names. */
export interface PortSpec {
  readonly protocol?: Protocol;
  readonly port?: number | string;
  readonly endPort?: number;
}

const LAST_PORT = 65_535;

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
    const { protocol = 'TCP', port, endPort } = spec;
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

/** Sorted by protocol and number; ranges of one protocol that touch or overlap become one. */
export function coalescePorts(ports: readonly PortIr[]): PortIr[] {
  const joined: { protocol: Protocol; from: number; to: number }[] = [];
  const sorted = [...ports].sort((a, b) => compareText(a.protocol, b.protocol) || a.from - b.from || a.to - b.to);
  for (const { protocol, from, to } of sorted) {
    const previous = joined.at(-1);
    if (previous !== undefined && previous.protocol === protocol && from <= previous.to + 1) {
      previous.to = Math.max(previous.to, to);
    } else {
      joined.push({ protocol, from, to });
    }
  }
  return joined;
}

/** By UTF-16 code unit, which does not depend on a locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
