import { shortHash } from '../../lib/hash.ts';
import { type Cidr, parseCidr } from '../../lib/ip.ts';
import { namedPortKey, type NamedPort } from './ports.ts';
import { selectorKey, type PodSelector } from './selector-index.ts';

/** Every pod on the pod network. */
export const ALL_PODS: PodSelector = { namespaces: {}, pods: {} };

/**
 * Where the members of an address set come from: the addresses of the selected pods. With `port`, one set for each
 * number by which these pods know the name, and only pods that know it; with `within`, only addresses in a prefix.
 */
export interface PodSource {
  readonly selector: PodSelector;
  readonly port?: NamedPort;
  /** Canonical CIDRs, sorted and disjoint. */
  readonly within?: readonly string[];
}

/** Equal for sources that yield the same sets. */
export function sourceKey({ selector, port, within }: PodSource): string {
  const ports = port === undefined ? '' : ` with port ${namedPortKey(port)}`;
  const prefixes = within === undefined ? '' : ` within ${within.join(',')}`;
  return `${selectorKey(selector)}${ports}${prefixes}`;
}

/** Key of the address set of a source, given as `sourceKey`; `number` for one of a source with a port. */
export function podSetKey(source: string, number?: number): string {
  return shortHash(number === undefined ? source : `${source} = ${number}`);
}

export function cidrSetKey(cidrs: readonly string[]): string {
  return shortHash(`cidrs ${cidrs.join(',')}`);
}

export function parseCanonicalCidrs(cidrs: readonly string[]): Cidr[] {
  return cidrs.flatMap((text) => parseCidr(text) ?? []);
}
