import type { Node, Pod } from '../../api/kubernetes.ts';
import type { StoreReader } from '../../kube/store.ts';
import { type Clock, sleep } from '../../lib/clock.ts';

export interface NodesDeps {
  readonly nodes: StoreReader<Node>;
  readonly pods: StoreReader<Pod>;
  readonly clock: Clock;
}

/** A node that takes longer is one that could not be asked; an older agent does not answer at all. */
const ANSWER_WITHIN_MS = 10_000;
/** Answers that are on the way at once. */
const ASKED_AT_ONCE = 32;

/** What nodes answer, all of them without `only`; a text says why one does not. */
export async function askNodes<T>(
  { nodes, clock }: NodesDeps,
  ask: (node: string) => Promise<T>,
  only?: readonly string[],
): Promise<ReadonlyMap<string, T | string>> {
  const answers = new Map<string, T | string>();
  const waiting = [...(only ?? nodes.list().map(({ metadata }) => metadata.name))].sort();
  const askOneByOne = async () => {
    for (let node = waiting.shift(); node !== undefined; node = waiting.shift()) {
      answers.set(node, await answerOf(ask(node), clock));
    }
  };
  await Promise.all(Array.from({ length: ASKED_AT_ONCE }, askOneByOne));
  return answers;
}

async function answerOf<T>(asked: Promise<T>, clock: Clock): Promise<T | string> {
  const patience = new AbortController();
  const late = sleep(clock, ANSWER_WITHIN_MS, patience.signal).then(
    () => `no answer within ${ANSWER_WITHIN_MS / 1000} s; its agent may be older than the operator`,
  );
  try {
    return await Promise.race([asked, late]);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    patience.abort();
  }
}
