import { compareIps } from '../lib/ip.ts';
import type { FoundInstance } from '../model/mesh/found-instance.ts';

/** Registries answer in any order: the same instances must be the same text. */
export function sortInstances(instances: readonly FoundInstance[]): readonly FoundInstance[] {
  return [...instances].sort((a, b) => compareIps(a.address, b.address) || (a.port ?? 0) - (b.port ?? 0));
}
