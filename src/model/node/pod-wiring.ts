import type { BandwidthIr, PodLinkIr } from './ir.ts';

/** What an attachment is beside its addresses; as it was asked for at ADD, for as long as it lives. */
export interface PodWiring {
  /** The container runtime's limits; the pod's annotations go before them. */
  readonly limits?: BandwidthIr;
  /** Absent: routed. */
  readonly link?: PodLinkIr;
}

/** A plain routed link: nothing is written down. */
export function isPlain(wiring: PodWiring): boolean {
  return Object.keys(wiring).length === 0;
}

/** As read back from the journal; what is not understood is left out. */
export function parsePodWiring(value: unknown): PodWiring | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const fields = value as Readonly<Record<string, unknown>>;
  const link = parseLink(fields['link']);
  const limits = parseLimits(fields['limits']);
  return {
    ...(limits === undefined ? {} : { limits }),
    ...(link === undefined ? {} : { link }),
  };
}

function parseLimits(value: unknown): BandwidthIr | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { ingressBitsPerSecond, egressBitsPerSecond } = value as Readonly<Record<string, unknown>>;
  return {
    ...(typeof ingressBitsPerSecond === 'number' ? { ingressBitsPerSecond } : {}),
    ...(typeof egressBitsPerSecond === 'number' ? { egressBitsPerSecond } : {}),
  };
}

function parseLink(value: unknown): PodLinkIr | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { kind, bridge, parent, networks } = value as Readonly<Record<string, unknown>>;
  if (kind === 'Bridge') return typeof bridge === 'string' ? { kind, bridge } : undefined;
  if (kind !== 'Macvlan' || !Array.isArray(networks)) return undefined;
  const known = (networks as readonly unknown[]).flatMap((network) => {
    const { cidr, gateway } = (network ?? {}) as Readonly<Record<string, unknown>>;
    return typeof cidr === 'string' ? [{ cidr, ...(typeof gateway === 'string' ? { gateway } : {}) }] : [];
  });
  return { kind, ...(typeof parent === 'string' ? { parent } : {}), networks: known };
}
