import type { BandwidthIr } from '../../model/node/ir.ts';
import type { PodWiring } from '../../model/node/pod-wiring.ts';

/** What the conflist tells runtimes that they may ask for. Ports of the node come with the pod's spec. */
export const CAPABILITIES = { bandwidth: true } as const;

/** `runtimeConfig` of a network configuration, as far as it is Weft's. @returns as text what is wrong, with its field. */
export function parseRuntimeConfig(value: unknown): PodWiring | string {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) return 'runtimeConfig must be an object';
  const limits = parseBandwidth((value as Readonly<Record<string, unknown>>)['bandwidth']);
  if (typeof limits === 'string') return limits;
  return Object.keys(limits).length === 0 ? {} : { limits };
}

/** Rates in bits a second, 0 for none. Bursts are Weft's own: a tenth of a second. */
function parseBandwidth(value: unknown): BandwidthIr | string {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object') return 'runtimeConfig.bandwidth must be an object';
  const rates = value as Readonly<Record<string, unknown>>;
  const limits: { ingressBitsPerSecond?: number; egressBitsPerSecond?: number } = {};
  for (const direction of ['ingress', 'egress'] as const) {
    const rate = rates[`${direction}Rate`] ?? 0;
    if (rate === 0) continue;
    if (typeof rate !== 'number' || !Number.isFinite(rate) || rate < 1) {
      return `runtimeConfig.bandwidth.${direction}Rate must be a number of bits a second, or 0`;
    }
    limits[`${direction}BitsPerSecond`] = rate;
  }
  return limits;
}
