import { sleep } from '../../lib/clock.ts';
import type { AddressCheck } from '../../model/ipam/ask.ts';
import { checkAddresses } from '../../model/ipam/check-addresses.ts';
import { agreed, type Finding } from '../../model/ipam/finding.ts';
import type { DeadLease, NodeRepairs } from '../../model/ipam/inspection.ts';
import { type LookDeps, lookAtAddresses } from './look.ts';

export interface CheckDeps extends LookDeps {
  /** The node judges each lease once more. Rejects when it cannot be reached. */
  readonly repair: (node: string, leases: readonly DeadLease[]) => Promise<NodeRepairs>;
  /** Counts anew what is leased of each pool, and has the statuses written. */
  readonly recount: () => void;
}

/** Between two looks: what moves, or is on its way from a node, has got there. */
const BETWEEN_LOOKS_MS = 3_000;
/** An answer has to fit into a ConfigMap. */
const MAX_FINDINGS = 300;

/** Looks twice and, with `fix`, puts right what can be, and looks again. Holds nobody up. */
export async function checkTwice(deps: CheckDeps, fix: boolean, signal: AbortSignal): Promise<AddressCheck> {
  const look = async () => checkAddresses(await lookAtAddresses(deps));
  const first = await look();
  await sleep(deps.clock, BETWEEN_LOOKS_MS, signal);
  const found = agreed(first, await look());
  if (!fix || !found.some(({ repair }) => repair !== undefined)) return limited(found, [], []);
  const { done, refused } = await putRight(deps, found);
  await sleep(deps.clock, BETWEEN_LOOKS_MS, signal);
  return limited(agreed(found, await look()), done, refused);
}

async function putRight(deps: CheckDeps, found: readonly Finding[]): Promise<NodeRepairs> {
  const repairable = found.filter(({ repair }) => repair?.how === 'release' || repair?.how === 'rewire');
  const outcomes = await Promise.all(
    [...Map.groupBy(repairable, ({ node }) => node)].map(([node, findings]) => putRightOn(deps, node, findings)),
  );
  const done = outcomes.flatMap((outcome) => outcome.done);
  if (found.some(({ repair }) => repair?.how === 'recount')) {
    deps.recount();
    done.push('operator: counted the leases of all pools anew');
  }
  return { done, refused: outcomes.flatMap(({ refused }) => refused) };
}

async function putRightOn({ repair }: CheckDeps, node: string, findings: readonly Finding[]): Promise<NodeRepairs> {
  const leases = findings.flatMap(({ repair: how }) => (how?.how === 'release' ? [how.lease] : []));
  const named = (sentences: readonly string[]) => sentences.map((sentence) => `${node}: ${sentence}`);
  try {
    const { done, refused } = await repair(node, leases);
    return { done: named(done), refused: named(refused) };
  } catch (error) {
    return { done: [], refused: named([error instanceof Error ? error.message : String(error)]) };
  }
}

function limited(found: readonly Finding[], repaired: readonly string[], refused: readonly string[]): AddressCheck {
  return {
    findings: found.slice(0, MAX_FINDINGS),
    findingsLeftOff: Math.max(0, found.length - MAX_FINDINGS),
    repaired: repaired.slice(0, MAX_FINDINGS),
    refused: refused.slice(0, MAX_FINDINGS),
  };
}
