import { compareIps } from '../../lib/ip.ts';
import type { AddressFacts } from './address-facts.ts';
import { checkBlocks } from './check-blocks.ts';
import { checkLeases } from './check-leases.ts';
import type { Finding } from './finding.ts';

/**
 * What is not as it should be among API objects, journals and kernels, notes last. Pure. Things move while one looks:
 * only what two looks have found is one (`agreed`).
 */
export function checkAddresses(facts: AddressFacts): readonly Finding[] {
  const found = [...checkBlocks(facts), ...checkLeases(facts)];
  return found.sort(
    (a, b) =>
      Number(a.isNote) - Number(b.isNote) ||
      compareText(a.kind, b.kind) ||
      compareText(a.node, b.node) ||
      compareIps(a.subject, b.subject) ||
      compareText(a.key, b.key),
  );
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
