import { netnsId } from '../netns.ts';

/** What this process has done to nf_tables in one network namespace, by all its tables: each raises the generation by one. */
export interface OwnTransactions {
  count: number;
  /** Begun, and perhaps in force already. */
  underWay: number;
}

const byNamespace = new Map<string, OwnTransactions>();

/** Of the network namespace that the calling thread is in. */
export function ownTransactions(): OwnTransactions {
  const id = netnsId('/proc/thread-self/ns/net');
  const own = byNamespace.get(id) ?? { count: 0, underWay: 0 };
  byNamespace.set(id, own);
  return own;
}
