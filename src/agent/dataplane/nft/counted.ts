import { AUDIT } from './render-chain.ts';

/** What a counter of the table has counted. */
export type Counted =
  /** By rules of a policy, or of none where it isolates. */
  | { readonly kind: 'policy'; readonly direction: 'ingress' | 'egress'; readonly origin: string }
  /** What a policy on trial would have decided. */
  | {
      readonly kind: 'audit';
      readonly direction: 'ingress' | 'egress';
      readonly origin: string;
      readonly verdict: string;
    }
  /** Dropped by a rule that no policy asked for; `origin` says why. */
  | { readonly kind: 'guard'; readonly origin: string };

/** By the name of the counter's chain, and its comment. */
export function countedBy(chain: string, comment: string): Counted {
  const direction = chain.startsWith('i_') ? 'ingress' : chain.startsWith('e_') ? 'egress' : undefined;
  if (direction === undefined) return { kind: 'guard', origin: comment };
  const [verdict = '', ...origin] = comment.slice(AUDIT.length).split(' ');
  if (comment.startsWith(AUDIT)) return { kind: 'audit', direction, origin: origin.join(' '), verdict };
  return { kind: 'policy', direction, origin: comment };
}
