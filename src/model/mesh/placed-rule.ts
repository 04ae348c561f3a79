import type { RouteRuleIr } from '../node/ir.ts';

/** A rule, and where its object has it. */
export interface PlacedRule {
  /** For example `spec.rules[1]`; absent: of no object's spec. */
  readonly path?: string;
  readonly rule: RouteRuleIr;
}
