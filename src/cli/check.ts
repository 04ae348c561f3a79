import { CONDITION, REASON } from '../api/reasons.ts';
import type { ClusterView, ConditionedObject } from './status.ts';
import { renderTable } from './table.ts';

export interface CheckResult {
  readonly text: string;
  /** No check found a problem; what is not known yet is none. */
  readonly isWell: boolean;
}

type Verdict = 'ok' | 'off' | 'unknown' | { readonly problem: string };

/** Linux 5.13: `nfgenmsg` batches, netlink filters and flowtables as Weft uses them. */
const OLDEST_KERNEL = [5, 13] as const;

type NodeCheck = readonly [heading: string, check: (node: ConditionedObject) => Verdict];

const NODE_CHECKS: readonly NodeCheck[] = [
  ['AGENT', (node) => condition(node, CONDITION.ready, 'True')],
  ['KERNEL', kernel],
  ['APPLIED', (node) => condition(node, CONDITION.applied, 'True')],
  ['FIREWALLS', (node) => condition(node, CONDITION.forwardBlocked, 'False')],
  ['SERVICES', services],
  ['BGP', bgp],
  ['PATHS', (node) => condition(node, CONDITION.peersReachable, 'True')],
  ['ALONE', (node) => condition(node, CONDITION.alone, 'True')],
];

/** Of clusters whose nodes speak it. */
const BGP_CHECK: NodeCheck = ['BGP', (node) => condition(node, CONDITION.bgpEstablished, 'True')];

/** What can be wrong with nodes and pools, each with what to do about it. Pure. */
export function renderCheck({ nodes, pools }: ClusterView): CheckResult {
  const problems: string[] = [];
  const isBgpSpoken = nodes.some((node) => conditionOf(node, CONDITION.bgpEstablished) !== undefined);
  const checks = isBgpSpoken ? [...NODE_CHECKS, BGP_CHECK] : NODE_CHECKS;
  const rows = nodes.map((node) => {
    const cells = checks.map(([heading, check]) => {
      const verdict = check(node);
      if (typeof verdict === 'string') return verdict;
      problems.push(`node ${node.metadata.name}, ${heading.toLowerCase()}: ${verdict.problem}`);
      return 'PROBLEM';
    });
    return [node.metadata.name, ...cells];
  });
  if (nodes.length === 0) problems.push('no node has told of itself: kubectl -n weft-system get pods -o wide');
  if (pools.length === 0)
    problems.push('there is no IPPool, so pods get no addresses: kubectl apply -f examples/pool.yaml');
  for (const pool of pools) {
    for (const [type, good] of [
      [CONDITION.ready, 'True'],
      [CONDITION.exhausted, 'False'],
    ] as const) {
      const verdict = condition(pool, type, good);
      if (typeof verdict !== 'string') problems.push(`pool ${pool.metadata.name}: ${verdict.problem}`);
    }
  }
  const table = renderTable(['NODE', ...checks.map(([heading]) => heading)], rows);
  const found =
    problems.length === 0 ? 'No problems found.' : ['Problems:', ...problems.map((text) => `- ${text}`)].join('\n');
  return { text: `${table}\n\n${found}`, isWell: problems.length === 0 };
}

function conditionOf({ status }: ConditionedObject, type: string) {
  return status?.conditions?.find((candidate) => candidate.type === type);
}

function condition(object: ConditionedObject, type: string, good: 'True' | 'False'): Verdict {
  const found = conditionOf(object, type);
  if (found === undefined || found.status === 'Unknown') return 'unknown';
  return found.status === good ? 'ok' : { problem: `${found.reason}: ${found.message}` };
}

/** That another proxy does it is well; that two do is not. */
function services(node: ConditionedObject): Verdict {
  const found = conditionOf(node, CONDITION.servicesRouted);
  if (found === undefined || found.status === 'Unknown') return 'unknown';
  return found.reason === REASON.contested ? { problem: found.message } : 'ok';
}

/** Only where nodes speak it. */
function bgp(node: ConditionedObject): Verdict {
  const isSpoken = node.status?.conditions?.some(({ type }) => type === CONDITION.bgpEstablished) === true;
  return isSpoken ? condition(node, CONDITION.bgpEstablished, 'True') : 'off';
}

function kernel({ status }: ConditionedObject): Verdict {
  const versions = status?.['versions'];
  const release =
    typeof versions === 'object' && versions !== null && 'kernel' in versions ? versions.kernel : undefined;
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(String(release)) ?? [];
  if (major === undefined || minor === undefined) return 'unknown';
  const [oldMajor, oldMinor] = OLDEST_KERNEL;
  const isNew = Number(major) > oldMajor || (Number(major) === oldMajor && Number(minor) >= oldMinor);
  return isNew ? 'ok' : { problem: `Linux ${release} runs; Weft needs ${OLDEST_KERNEL.join('.')} or newer` };
}
