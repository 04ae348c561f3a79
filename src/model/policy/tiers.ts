import type { ChainIr, RuleIr } from '../node/ir.ts';

/** In order of evaluation. Policies of `weft` and `kubernetes` isolate the pods that they select, the others do not. */
export const TIERS = ['admin', 'weft', 'kubernetes', 'baseline'] as const;
export type Tier = (typeof TIERS)[number];

/** Origin of what denies where policies isolate and no rule matches. */
export const NO_RULE = 'no rule allows it';

export interface TierRules {
  readonly tier: Tier;
  readonly rules: readonly RuleIr[];
  /** Whether all of its policies leave open connections be. */
  readonly keepsOpen: boolean;
}

/**
 * One chain of what the tiers say, in order; only those that have policies. What no rule of an isolating tier matches
 * goes on to the other one, and is denied where there is none. What Weft's policies pass on is not denied by them.
 */
export function joinTiers(tiers: readonly TierRules[]): ChainIr {
  const rules: RuleIr[] = [];
  for (const [at, { tier, rules: own, keepsOpen }] of tiers.entries()) {
    rules.push(...own.map((rule) => ({ ...rule, tier: TIERS.indexOf(tier) })));
    const last = own.at(-1);
    const isForAll = last?.peers === 'any' && last.ports === 'any' && last.action !== 'log';
    const isDenied = tier === 'kubernetes' || (tier === 'weft' && tiers[at + 1]?.tier !== 'kubernetes');
    const isShut = isDenied || (isForAll && last.action !== 'pass');
    // What earlier tiers pass is met by this one: only what it passes itself goes further.
    const keeping = keepsOpen ? ({ keepsOpen: true } as const) : {};
    if (isShut && !own.some(isPass)) return { rules: plain(rules), otherwise: 'deny', ...keeping };
    if (isDenied && !isForAll) rules.push({ ...DENY_ALL, tier: TIERS.indexOf(tier), ...keeping });
  }
  return { rules: plain(rules), otherwise: 'allow' };
}

/** Tiers are of interest only to what passes. */
function plain(rules: readonly RuleIr[]): readonly RuleIr[] {
  return rules.some(isPass) ? rules : rules.map(({ tier: _, ...rule }) => rule);
}

function isPass({ action }: RuleIr): boolean {
  return action === 'pass';
}

const DENY_ALL = { action: 'deny', peers: 'any', ports: 'any', origin: NO_RULE } as const;
