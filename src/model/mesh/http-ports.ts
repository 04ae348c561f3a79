import type { InboundPortIr, PodMeshIr } from '../node/ir.ts';

/** What the pod's proxy does at the ports whose connections it reads as HTTP, by port, ascending. */
export function httpInboundOf({ inbound }: PodMeshIr): readonly InboundPortIr[] {
  return inbound.filter(({ protocol }) => protocol !== 'TCP');
}

/** Ports of the pod whose connections its proxy reads as HTTP, ascending. */
export function httpPortsOf(mesh: PodMeshIr): number[] {
  return httpInboundOf(mesh).map(({ port }) => port);
}
