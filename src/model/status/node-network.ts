import { CONDITION, REASON } from '../../api/reasons.ts';
import { compareIps } from '../../lib/ip.ts';
import type { NodeReportIr, PathFault } from '../node/report.ts';
import type { Problem } from '../problem.ts';
import { bgpEstablished, bgpStatus } from './bgp.ts';
import type { DesiredCondition } from './conditions.ts';

export interface NodeNetworkFacts {
  /** By which other nodes reach it; absent while the Node has none. */
  readonly address: string | undefined;
  readonly tunnelAddresses: readonly string[];
  /** That the node owns by the API. */
  readonly blocks: readonly string[];
  readonly isConnected: boolean;
  /** The agent's last words; undefined: it never said any to this replica. */
  readonly report: NodeReportIr | undefined;
  /** What the node could not put into force, `kind key: reason`. */
  readonly refused: readonly string[];
  /** What the Node says wrong of itself as a speaker of BGP. */
  readonly bgpProblem: Problem | undefined;
}

const FAULTS_AT_MOST = 100;

function peerFault({ node, family, what }: PathFault) {
  return { node, family, fault: what };
}

function compareCidrs(a: string, b: string): number {
  return compareIps(a.split('/')[0] ?? '', b.split('/')[0] ?? '');
}

/** Status of a NodeNetwork: pure, so the same facts give the same status. */
export function nodeNetworkStatus(facts: NodeNetworkFacts) {
  const { address, tunnelAddresses, blocks, report } = facts;
  return {
    ...(address === undefined ? {} : { address }),
    tunnelAddresses,
    ...(report?.podMtu === undefined ? {} : { podMTU: report.podMtu }),
    blocks: [...blocks].sort(compareCidrs),
    ...(report === undefined ? {} : { versions: report.versions }),
    ...(report?.pathFaults === undefined
      ? {}
      : { peerFaults: report.pathFaults.slice(0, FAULTS_AT_MOST).map(peerFault) }),
    ...(report?.bgp === undefined ? {} : { bgp: bgpStatus(report.bgp) }),
    conditions: [
      ready(facts),
      applied(facts.refused),
      forwardBlocked(report),
      servicesRouted(report),
      peersReachable(report),
      alone(report),
      ...(report?.bgp === undefined ? [] : [bgpEstablished(report.bgp, facts)]),
    ],
  };
}

function ready({ isConnected, report, blocks, address }: NodeNetworkFacts): DesiredCondition {
  const type = CONDITION.ready;
  const no = (reason: string, message: string): DesiredCondition => ({ type, status: 'False', reason, message });
  if (!isConnected || report === undefined) {
    const where = address === undefined ? 'the Node has no InternalIP' : `no agent answers at ${address}`;
    return no(REASON.agentUnreachable, `${where}; see: kubectl -n weft-system get pods -o wide`);
  }
  if (report.faults.length > 0) return no(REASON.agentFault, report.faults.join('; '));
  if (report.serving) {
    return { type, status: 'True', reason: REASON.serving, message: 'the agent serves pods' };
  }
  if (blocks.length === 0) return no(REASON.noBlock, 'the node owns no block of addresses; see: kubectl get ippools');
  return no(REASON.pending, 'the agent has not been told of its block yet');
}

function applied(refused: readonly string[]): DesiredCondition {
  const type = CONDITION.applied;
  const [first] = refused;
  if (first === undefined) {
    return { type, status: 'True', reason: REASON.applied, message: 'the node took all that it was told' };
  }
  const more = refused.length > 1 ? ` (and ${refused.length - 1} more)` : '';
  return { type, status: 'False', reason: REASON.rejected, message: `${first}${more}; it is tried again` };
}

function servicesRouted(report: NodeReportIr | undefined): DesiredCondition {
  const type = CONDITION.servicesRouted;
  switch (report?.services) {
    case 'Weft':
      return { type, status: 'True', reason: REASON.byWeft, message: 'Weft routes Services on this node' };
    case 'Contested': {
      const message =
        'Weft routes Services on this node, and another service proxy answers on port 10256 beside it; remove it: ' +
        'kubectl -n kube-system delete daemonset kube-proxy';
      return { type, status: 'True', reason: REASON.contested, message };
    }
    case 'Other': {
      const message =
        'another service proxy, such as kube-proxy, answers on port 10256 of this node; Weft takes over 30 s after it is gone';
      return { type, status: 'False', reason: REASON.byOther, message };
    }
    case 'Off':
      return { type, status: 'False', reason: REASON.switchedOff, message: "the chart's value services is Never" };
    case undefined:
      return { type, status: 'Unknown', reason: REASON.agentUnreachable, message: 'the agent has not said' };
  }
}

function peersReachable(report: NodeReportIr | undefined): DesiredCondition {
  const type = CONDITION.peersReachable;
  const faults = report?.pathFaults;
  if (faults === undefined) return { type, status: 'Unknown', reason: REASON.notTried, message: 'not tried yet' };
  const named = (what: PathFault['what']) =>
    faults.filter((fault) => fault.what === what).map(({ node, family }) => `${node} (IPv${family})`);
  const [unreachable, tooSmall] = [named('Unreachable'), named('TooSmall')];
  if (unreachable.length > 0) {
    const message = `pods' packets do not arrive at ${some(unreachable)}; let UDP 4789 pass between nodes, or look at the routes of pools without encapsulation`;
    return { type, status: 'False', reason: REASON.peersUnreachable, message };
  }
  if (tooSmall.length > 0) {
    const message = `packets of ${faults[0]?.bytes} bytes, pods' largest, do not arrive at ${some(tooSmall)}, smaller ones do; set the MTU of the nodes' own interfaces to what the network between them carries`;
    return { type, status: 'False', reason: REASON.packetsTooLarge, message };
  }
  const message = "packets of pods' full size arrive at every other node";
  return { type, status: 'True', reason: REASON.allReached, message };
}

function alone(report: NodeReportIr | undefined): DesiredCondition {
  const type = CONDITION.alone;
  const found = report?.foreignNetworks;
  if (found === undefined) {
    return { type, status: 'Unknown', reason: REASON.agentUnreachable, message: 'the agent has not said' };
  }
  if (found.length === 0) {
    return {
      type,
      status: 'True',
      reason: REASON.nothingForeign,
      message: 'nothing of another network is on the node',
    };
  }
  const message = `not Weft's alone: ${some(found)}; remove what is not needed, and see Alone in docs/reference.md`;
  return { type, status: 'False', reason: REASON.foreignNetworks, message };
}

const NAMED_AT_MOST = 5;

function some(names: readonly string[]): string {
  const more = names.length > NAMED_AT_MOST ? ` and ${names.length - NAMED_AT_MOST} more` : '';
  return `${names.slice(0, NAMED_AT_MOST).join(', ')}${more}`;
}

function forwardBlocked(report: NodeReportIr | undefined): DesiredCondition {
  const type = CONDITION.forwardBlocked;
  if (report === undefined) {
    return { type, status: 'Unknown', reason: REASON.agentUnreachable, message: 'the agent has not said' };
  }
  const [first] = report.forwardDrops;
  if (first === undefined) {
    return {
      type,
      status: 'False',
      reason: REASON.noForeignDrop,
      message: "no firewall of others drops pods' traffic",
    };
  }
  const message =
    `the nftables chain '${report.forwardDrops.join("', '")}' drops what it does not accept, and so may drop pods' ` +
    `traffic on this node; let it accept the interfaces weft* and vxlan.weft, or set its policy to accept`;
  return { type, status: 'True', reason: REASON.foreignDrop, message };
}
