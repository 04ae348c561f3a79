import { CONDITION, REASON } from '../../api/reasons.ts';
import type { BgpReportIr } from '../node/report.ts';
import type { Problem } from '../problem.ts';
import type { DesiredCondition } from './conditions.ts';

export interface BgpFacts {
  readonly isConnected: boolean;
  /** What the Node says wrong of itself as a speaker of BGP. */
  readonly bgpProblem: Problem | undefined;
}

/** Of sessions that are down, in a message. */
const NAMED = 5;

/** `status.bgp` of a NodeNetwork. */
export function bgpStatus({ asNumber, sessions }: BgpReportIr) {
  return {
    ...(asNumber > 0 ? { asNumber } : {}),
    sessions: sessions.map(({ message, ...session }) => ({ ...session, ...(message === '' ? {} : { message }) })),
  };
}

/** The condition of a NodeNetwork whose node speaks BGP. */
export function bgpEstablished({ sessions }: BgpReportIr, { isConnected, bgpProblem }: BgpFacts): DesiredCondition {
  const type = CONDITION.bgpEstablished;
  if (!isConnected)
    return { type, status: 'Unknown', reason: REASON.agentUnreachable, message: 'the agent does not say' };
  if (bgpProblem !== undefined) {
    return { type, status: 'False', reason: bgpProblem.reason, message: `${bgpProblem.path} ${bgpProblem.message}` };
  }
  const down = sessions.filter(({ state }) => state !== 'Established');
  if (down.length > 0) {
    const names = down
      .slice(0, NAMED)
      .map(({ address, peer, state, message }) => `${address} (${peer}) ${state}${message && `, ${message}`}`);
    const message = `${down.length} of ${sessions.length} sessions are not established: ${names.join('; ')}${down.length > NAMED ? '; ...' : ''}`;
    return { type, status: 'False', reason: REASON.sessionDown, message };
  }
  if (sessions.length > 0) {
    return {
      type,
      status: 'True',
      reason: REASON.established,
      message: `all sessions are established: ${sessions.length}`,
    };
  }
  const message = 'the node has no peer; see spec.nodeMesh of the BGPConfiguration, and: kubectl get bgppeers';
  return { type, status: 'False', reason: REASON.noSessions, message };
}
