import type { LabelSelector } from '../../api/kubernetes.ts';
import type { Labels } from './pod-facts.ts';
import { SERVICE_ACCOUNT } from './synthetic.ts';

/**
 * What an index can look selectors up by. A token is `key=value`, or `key` for "has the label"; label keys cannot
 * contain `=`.
 */
export function labelTokens(labels: Labels): string[] {
  return Object.entries(labels).flatMap(([key, value]) =>
    // Every pod has this one.
    key === SERVICE_ACCOUNT ? [`${key}=${value}`] : [key, `${key}=${value}`],
  );
}

/**
 * The cheapest group of tokens of which every matching object bears at least one; undefined when the selector
 * demands no label at all (it is empty, or says only what must be absent).
 *
 * @param count  how many objects bear a token now: the group with the fewest wins, the first of equals.
 */
export function anchorOf(selector: LabelSelector, count: (token: string) => number): readonly string[] | undefined {
  let best: readonly string[] | undefined;
  let fewest = Number.POSITIVE_INFINITY;
  for (const group of requiredGroups(selector)) {
    const size = group.reduce((sum, token) => sum + count(token), 0);
    if (size < fewest) {
      best = group;
      fewest = size;
    }
  }
  return best;
}

function requiredGroups({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string[][] {
  const groups = Object.entries(matchLabels).map(([key, value]) => [`${key}=${value}`]);
  for (const { key, operator, values = [] } of matchExpressions) {
    if (operator === 'In') groups.push([...new Set(values)].map((value) => `${key}=${value}`));
    if (operator === 'Exists') groups.push([key]);
  }
  return groups;
}
