import type { Pod } from '../../api/kubernetes.ts';
import { canonicalIp } from '../../lib/ip.ts';
import type { HostPortIr } from './ir.ts';

const UNSPECIFIED: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

/** The ports of its node at which a pod is to be reached, sorted. */
export function translateHostPorts({ spec }: Pod): readonly HostPortIr[] {
  const ports = [...(spec.initContainers ?? []), ...spec.containers].flatMap(({ ports: own }) => own ?? []);
  const mapped = ports.flatMap(({ hostPort, hostIP, protocol = 'TCP', containerPort }): HostPortIr[] => {
    if (hostPort === undefined || hostPort === 0) return [];
    const address = hostIP === undefined ? undefined : canonicalIp(hostIP);
    const isOne = address !== undefined && !UNSPECIFIED.has(address);
    return [{ protocol, hostPort, port: containerPort, ...(isOne ? { address } : {}) }];
  });
  const text = ({ protocol, hostPort, address = '' }: HostPortIr) =>
    `${protocol} ${String(hostPort).padStart(5, '0')} ${address}`;
  return mapped.sort((a, b) => text(a).localeCompare(text(b)));
}
