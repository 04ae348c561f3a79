import type { Finding } from './finding.ts';
import type { AddressUsage, Usage } from './usage.ts';

/** What `weft ipam` asks of the leading operator. */
export type IpamAsk =
  | { readonly what: 'usage' }
  | { readonly what: 'address'; readonly address: string }
  /** `fix`: what can be put right without a pod noticing is. */
  | { readonly what: 'check'; readonly fix: boolean };

export type IpamAnswer =
  | { readonly what: 'usage'; readonly usage: Usage; readonly blocksLeftOff: number }
  | { readonly what: 'address'; readonly address: AddressUsage }
  | { readonly what: 'check'; readonly check: AddressCheck }
  /** Why there is none. */
  | { readonly what: 'refusal'; readonly message: string };

export interface AddressCheck {
  /** What is left, after repairs. */
  readonly findings: readonly Finding[];
  readonly findingsLeftOff: number;
  /** What `fix` did, and what it let be, `node: sentence`. */
  readonly repaired: readonly string[];
  readonly refused: readonly string[];
}
