import type { PodMeshIr } from '../node/ir.ts';

/** Ports of the pod whose connections its proxy reads as HTTP, ascending. */
export function httpPortsOf({ inbound }: PodMeshIr): number[] {
  return inbound.filter(({ protocol }) => protocol !== 'TCP').map(({ port }) => port);
}
