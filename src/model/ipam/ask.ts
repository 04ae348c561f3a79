import type { ProxyPart, ProxySummary } from '../mesh/proxy-view.ts';
import type { PlacedFlow } from '../policy/denied-flow.ts';
import type { Finding } from './finding.ts';
import type { AddressUsage, Usage } from './usage.ts';

/** What `weft ipam`, `weft flows` and `weft proxy` ask of the leading operator. */
export type IpamAsk =
  | { readonly what: 'usage' }
  | { readonly what: 'address'; readonly address: string }
  /** `fix`: what can be put right without a pod noticing is. */
  | { readonly what: 'check'; readonly fix: boolean }
  /** `weft flows`: what policies denied lately; without `node` on all of them. */
  | { readonly what: 'flows'; readonly node?: string }
  /** `weft proxy status`: of one pod, `namespace/name`, or all. */
  | { readonly what: 'proxies'; readonly pod?: string }
  /** `weft proxy config`. */
  | { readonly what: 'proxy'; readonly pod: string; readonly part: ProxyPart; readonly filter: string };

export type IpamAnswer =
  | { readonly what: 'usage'; readonly usage: Usage; readonly blocksLeftOff: number }
  | { readonly what: 'address'; readonly address: AddressUsage }
  | { readonly what: 'check'; readonly check: AddressCheck }
  | {
      readonly what: 'flows';
      /** The one that was denied last is the first. */
      readonly flows: readonly PlacedFlow[];
      readonly flowsLeftOff: number;
      /** Of nodes that could not be asked, `node: why`. */
      readonly problems: readonly string[];
    }
  | {
      readonly what: 'proxies';
      readonly proxies: readonly ProxySummary[];
      readonly proxiesLeftOff: number;
      /** Pods that should have one and have none, `namespace/name`. */
      readonly without: readonly string[];
    }
  /** Envoy's own text, gzip in base64. */
  | { readonly what: 'proxy'; readonly body: string }
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
