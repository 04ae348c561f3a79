import { release } from 'node:os';
import type { BgpReportIr, NodeReportIr } from '../model/node/report.ts';
import type { ForeignChain } from './dataplane/nft/inspect.ts';

export interface NodeReportFacts {
  readonly serving: boolean;
  readonly faults: readonly string[];
  readonly agentVersion: string;
  readonly podMtu: number | undefined;
  readonly forwardDrops: readonly ForeignChain[];
  /** Undefined while the node speaks no BGP. */
  readonly bgp: BgpReportIr | undefined;
}

export function composeNodeReport(facts: NodeReportFacts): NodeReportIr {
  const { serving, faults, agentVersion, podMtu, forwardDrops, bgp } = facts;
  return {
    serving: serving && faults.length === 0,
    faults,
    versions: { agent: agentVersion, kernel: release() },
    ...(podMtu === undefined ? {} : { podMtu }),
    forwardDrops: forwardDrops.map(({ family, table, chain }) => `${family} ${table} ${chain}`).sort(),
    ...(bgp === undefined ? {} : { bgp }),
  };
}
