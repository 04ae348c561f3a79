import type { Pod } from '../../api/kubernetes.ts';
import { REASON } from '../../api/reasons.ts';
import type { Problem } from '../problem.ts';
import type { BandwidthIr } from './ir.ts';

/** As the kubelet and the CNI project's plugin know them: bits a second, to the pod and from it. */
const ANNOTATIONS = { ingress: 'kubernetes.io/ingress-bandwidth', egress: 'kubernetes.io/egress-bandwidth' } as const;

const FACTORS: Readonly<Record<string, number>> = {
  '': 1,
  ...{ k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15 },
  ...{ Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50 },
};
/** The kubelet's own bounds (pkg/util/bandwidth). */
const LEAST_BITS = 1e3;
const MOST_BITS = 1e15;

/** What the pod's annotations limit it to; undefined without any. */
export function translateBandwidth({ metadata }: Pod): BandwidthIr | Problem | undefined {
  const limits: { ingressBitsPerSecond?: number; egressBitsPerSecond?: number } = {};
  for (const direction of ['ingress', 'egress'] as const) {
    const text = metadata.annotations?.[ANNOTATIONS[direction]];
    if (text === undefined) continue;
    const bits = parseQuantity(text);
    if (bits === undefined || bits < LEAST_BITS || bits > MOST_BITS) {
      const message = `must be a quantity of bits a second from 1k to 1P, such as 10M, not '${text}'`;
      return { path: `metadata.annotations[${ANNOTATIONS[direction]}]`, reason: REASON.unsupportedValue, message };
    }
    limits[`${direction}BitsPerSecond`] = bits;
  }
  return Object.keys(limits).length === 0 ? undefined : limits;
}

/** Kubernetes' quantities without exponents and fractions of one; undefined: it is none. */
export function parseQuantity(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)([kMGTP]|[KMGTP]i)?$/.exec(text);
  return match === null ? undefined : Math.round(Number(match[1]) * (FACTORS[match[2] ?? ''] ?? Number.NaN));
}
