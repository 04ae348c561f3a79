import type { AuditIr, ChainIr, RuleIr } from '../node/ir.ts';
import type { PolicyForm } from './policy-form.ts';
import { NO_RULE } from './tiers.ts';

/**
 * What is counted of policies on trial. Where they alone isolate a pod, what no rule allows is put down to the first
 * of them; where others isolate it too, that would be denied anyway, and is not counted.
 *
 * @param chain  of all policies, as if those on trial were enforced.
 */
export function auditOf(policies: readonly PolicyForm[], { rules, otherwise }: ChainIr): AuditIr {
  const isIsolating = ({ tier }: PolicyForm) => tier === 'weft' || tier === 'kubernetes';
  const [onTrial, enforced] = [policies.filter(isOnTrial), policies.filter((policy) => !isOnTrial(policy))];
  const culprit = enforced.some(isIsolating) ? NO_RULE : (onTrial[0]?.origin ?? NO_RULE);
  const named = rules.map((rule) => (rule.origin === NO_RULE ? { ...rule, origin: culprit } : rule));
  const { tier } = rules.at(-1) ?? {};
  const last: RuleIr = {
    ...{ action: 'deny', peers: 'any', ports: 'any', origin: culprit },
    // What the last tier passes is denied too.
    ...(tier === undefined ? {} : { tier: tier + 1 }),
  };
  return {
    rules: otherwise === 'deny' && culprit !== NO_RULE ? [...named, last] : named,
    onTrial: onTrial.map(({ origin }) => origin),
  };
}

function isOnTrial({ isAudited }: PolicyForm): boolean {
  return isAudited === true;
}
