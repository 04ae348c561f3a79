import { release } from 'node:os';
import type { BgpReportIr, NodeReportIr, ServiceRoutingReport } from '../model/node/report.ts';
import type { ForeignChain } from './dataplane/nft/inspect.ts';

export interface NodeReportFacts {
  readonly serving: boolean;
  readonly faults: readonly string[];
  readonly agentVersion: string;
  readonly podMtu: number | undefined;
  readonly forwardDrops: readonly ForeignChain[];
  readonly services: ServiceRoutingReport;
  /** Undefined while the node speaks no BGP. */
  readonly bgp: BgpReportIr | undefined;
}

export function composeNodeReport(facts: NodeReportFacts): NodeReportIr {
  const { serving, faults, agentVersion, podMtu, forwardDrops, services, bgp } = facts;
  return {
    serving: serving && faults.length === 0,
    faults,
    versions: { agent: agentVersion, kernel: release() },
    ...(podMtu === undefined ? {} : { podMtu }),
    forwardDrops: forwardDrops.map(({ family, table, chain }) => `${family} ${table} ${chain}`).sort(),
    services,
    ...(bgp === undefined ? {} : { bgp }),
  };
}
