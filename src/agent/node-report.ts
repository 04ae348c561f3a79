import { release } from 'node:os';
import type {
  BgpReportIr,
  NodeReportIr,
  PathFault,
  PolicyOpenings,
  ServiceRoutingReport,
} from '../model/node/report.ts';
import type { ForeignChain } from './dataplane/nft/inspect.ts';

export interface NodeReportFacts {
  readonly serving: boolean;
  readonly faults: readonly string[];
  readonly agentVersion: string;
  readonly podMtu: number | undefined;
  readonly forwardDrops: readonly ForeignChain[];
  readonly services: ServiceRoutingReport;
  readonly foreignNetworks: readonly string[];
  /** Undefined until they were looked for. */
  readonly pathFaults: readonly PathFault[] | undefined;
  /** Undefined while the node speaks no BGP. */
  readonly bgp: BgpReportIr | undefined;
  /** Undefined where the node holds no policy. */
  readonly policyOpenings: PolicyOpenings | undefined;
}

export function composeNodeReport(facts: NodeReportFacts): NodeReportIr {
  const {
    serving,
    faults,
    agentVersion,
    podMtu,
    forwardDrops,
    services,
    foreignNetworks,
    pathFaults,
    bgp,
    policyOpenings,
  } = facts;
  return {
    serving: serving && faults.length === 0,
    faults,
    versions: { agent: agentVersion, kernel: release() },
    ...(podMtu === undefined ? {} : { podMtu }),
    forwardDrops: forwardDrops.map(({ family, table, chain }) => `${family} ${table} ${chain}`).sort(),
    services,
    foreignNetworks,
    ...(pathFaults === undefined ? {} : { pathFaults }),
    ...(bgp === undefined ? {} : { bgp }),
    ...(policyOpenings === undefined ? {} : { policyOpenings }),
  };
}
