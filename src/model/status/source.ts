import { CONDITION, REASON } from '../../api/reasons.ts';
import type { NameReport } from '../node/report.ts';
import type { DesiredCondition } from './conditions.ts';

/** What one node says of a name. */
export interface NameOnNode extends NameReport {
  readonly node: string;
}

/** Whether the name that a MeshService's source has is found wherever it is asked for. @param reports in any order. */
export function nameCondition(name: string, reports: readonly NameOnNode[]): DesiredCondition {
  const type = CONDITION.sourceReachable;
  const lost = reports.flatMap(({ node, addresses, problem }) =>
    problem === undefined ? [] : { node, addresses, problem },
  );
  lost.sort((a, b) => (a.node < b.node ? -1 : 1));
  const [first] = lost;
  if (reports.length === 0) {
    const message = `no node has pods that call the service, so nobody asks for '${name}'`;
    return { type, status: 'Unknown', reason: REASON.sourceNotAsked, message };
  }
  if (first === undefined) {
    const nodes = reports.length === 1 ? 'the one node that asks' : `all ${reports.length} nodes that ask`;
    return { type, status: 'True', reason: REASON.sourceReachable, message: `${nodes} found '${name}'` };
  }
  const { node, addresses, problem } = first;
  const more = lost.length > 1 ? `; so it is on ${lost.length - 1} more of ${reports.length} nodes` : '';
  const kept = addresses === 0 ? 'it never was' : `the ${addresses} found last are kept`;
  const message = `'${name}' is not found on ${node} since ${problem.since}: ${problem.message}; ${kept}${more}`;
  return { type, status: 'False', reason: REASON.sourceUnreachable, message };
}

/** Addresses that are called: of nodes that differ, the most. */
export function nameEndpoints(reports: readonly NameOnNode[]): number {
  return Math.max(0, ...reports.map(({ addresses }) => addresses));
}
