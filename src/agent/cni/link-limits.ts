import type { PodIr } from '../../model/node/ir.ts';
import type { PodWiring } from '../../model/node/pod-wiring.ts';
import { MACVLAN_POLICY } from '../macvlan-pods.ts';
import { CNI_ERROR, CniError } from './request.ts';

/** @throws CniError when the pod is to have what its kind of link cannot give. */
export function requirePossible(name: string, pod: PodIr, { link, limits }: PodWiring): void {
  if (link?.kind !== 'Macvlan') return;
  const refuse = (why: string) => new CniError(CNI_ERROR.linkImpossible, `pod ${name} is not connected: ${why}`);
  if (pod.ingressChain !== undefined || pod.egressChain !== undefined) throw refuse(MACVLAN_POLICY);
  const past = 'podNetwork Macvlan, whose packets do not pass the node; use a pool of another podNetwork';
  if (pod.hostPorts !== undefined) throw refuse(`there is no hostPort with ${past}`);
  const annotated = typeof pod.bandwidth === 'object' ? pod.bandwidth : {};
  if ({ ...limits, ...annotated }.ingressBitsPerSecond !== undefined) {
    throw refuse(`there is no limit of what comes in with ${past}`);
  }
}
