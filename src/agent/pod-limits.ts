import type { BandwidthIr } from '../model/node/ir.ts';
import type { PodAttachment } from './cni/attach.ts';
import type { ResourceStore } from './state/resources.ts';

/**
 * What a pod's link is held back to: what its annotations say, or else the runtime; and of that and its policies the
 * least.
 */
export function limitsOf(
  resources: Pick<ResourceStore, 'get'>,
  { podUid, wiring }: Pick<PodAttachment, 'podUid' | 'wiring'>,
): BandwidthIr {
  const pod = resources.get('pod', podUid);
  const annotated = typeof pod?.bandwidth === 'object' ? pod.bandwidth : {};
  const { ingressBitsPerSecond, egressBitsPerSecond } = { ...wiring?.limits, ...annotated };
  const rateOf = (chain: string | undefined) =>
    chain === undefined ? undefined : resources.get('chain', chain)?.bandwidth?.bitsPerSecond;
  const ingress = least(ingressBitsPerSecond, rateOf(pod?.ingressChain));
  const egress = least(egressBitsPerSecond, rateOf(pod?.egressChain));
  return {
    ...(ingress === undefined ? {} : { ingressBitsPerSecond: ingress }),
    ...(egress === undefined ? {} : { egressBitsPerSecond: egress }),
  };
}

function least(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}
