/** What people may look at of a proxy, as it has it itself. */
export const PROXY_PARTS = ['listeners', 'routes', 'clusters', 'endpoints', 'certificates', 'stats'] as const;
export type ProxyPart = (typeof PROXY_PARTS)[number];

export interface ProxyViewAsk {
  readonly podUid: string;
  readonly part: ProxyPart;
  /** A regular expression (RE2) of the names to show; empty: all. */
  readonly filter: string;
}

export function isProxyPart(text: unknown): text is ProxyPart {
  return PROXY_PARTS.some((part) => part === text);
}

/** How far a proxy is with what it was told. */
export interface ProxySummary {
  /** `namespace/name`. */
  readonly pod: string;
  readonly node: string;
  /** Whether the node's agent is connected: else the rest is what it said last. */
  readonly isReachable: boolean;
  /** Resources that it should have, and of these those that it has in their newest form. */
  readonly told: number;
  readonly acknowledged: number;
  /** `kind key: its words`, of those that it refuses. */
  readonly refused: readonly string[];
}
