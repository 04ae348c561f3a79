import type { LabelSelector, LabelSelectorRequirement } from '../api/kubernetes.ts';

type Labels = Readonly<Record<string, string>>;

/**
 * Whether an object with these labels is selected. An empty selector selects everything; `NotIn` and `DoesNotExist`
 * select objects without the label too; `In` without values selects nothing.
 */
export function matchesSelector(selector: LabelSelector, labels: Labels): boolean {
  const { matchLabels = {}, matchExpressions = [] } = selector;
  return (
    Object.entries(matchLabels).every(([key, value]) => labelOf(labels, key) === value) &&
    matchExpressions.every((requirement) => matchesRequirement(requirement, labels))
  );
}

/** Whether the object bears each of `wanted` with its value: a Service's selector, a subset's labels. */
export function bearsLabels(labels: Labels, wanted: Labels): boolean {
  return Object.entries(wanted).every(([key, value]) => labelOf(labels, key) === value);
}

/**
 * The selector as text, in the manner of `kubectl --selector`: `app=web,tier in (a,b),!old`. Two selectors have the
 * same text if they say the same in another order, by other means (`In` with one value) or twice; selectors of
 * different meaning never have. The empty selector is the empty text.
 */
export function canonicalSelector(selector: LabelSelector): string {
  const { matchLabels = {}, matchExpressions = [] } = selector;
  const equalities = Object.entries(matchLabels).map(([key, value]) => `${word(key)}=${word(value)}`);
  return [...new Set([...equalities, ...matchExpressions.map(requirementText)])].sort().join(',');
}

function matchesRequirement({ key, operator, values = [] }: LabelSelectorRequirement, labels: Labels): boolean {
  const value = labelOf(labels, key);
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
  }
}

function requirementText({ key, operator, values = [] }: LabelSelectorRequirement): string {
  const sorted = [...new Set(values)].sort().map(word);
  switch (operator) {
    case 'In':
      return sorted.length === 1 ? `${word(key)}=${sorted[0]}` : `${word(key)} in (${sorted.join(',')})`;
    case 'NotIn':
      return `${word(key)} notin (${sorted.join(',')})`;
    case 'Exists':
      return word(key);
    case 'DoesNotExist':
      return `!${word(key)}`;
  }
}

/** Own labels only: no label is called `constructor` unless somebody called it so. */
function labelOf(labels: Labels, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}

/** As it is when made of the characters that labels may have; otherwise quoted, so that it cannot pass for syntax. */
function word(text: string): string {
  return /^[-A-Za-z0-9_./]+$/.test(text) ? text : JSON.stringify(text);
}
