import type { KubeApi } from '../../kube/client.ts';
import { isNotFound } from '../../kube/errors.ts';
import { KINDS, objectPath } from '../../kube/kinds.ts';
import { compareAndSwapConfigMap } from '../../kube/registry.ts';
import { sleep } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import type { IpamAnswer, IpamAsk } from '../../model/ipam/ask.ts';
import { usageOf, whoHas } from '../../model/ipam/usage.ts';
import { type CheckDeps, checkTwice } from './check.ts';
import {
  IPAM_ANSWERS,
  IPAM_QUESTIONS,
  type IpamQuestion,
  parseQuestions,
  withoutQuestion,
  withReply,
} from './conversation.ts';
import { type FlowsDeps, lookAtFlows } from './flows.ts';
import { lookAtProxies, type ProxiesDeps, viewProxy } from './proxies.ts';
import { lookAtAddresses } from './look.ts';

export interface IpamDeps extends CheckDeps, FlowsDeps, ProxiesDeps {
  readonly api: KubeApi;
  readonly namespace: string;
  readonly log: Logger;
}

/** A person waits for the answer. */
const LOOK_EVERY_MS = 2_000;
/** An answer has to fit into a ConfigMap. */
const MAX_BLOCKS = 1_500;

/** Answers `weft ipam`, `weft flows` and `weft proxy` while this replica leads. A question that a former leader left is answered by the next. */
export async function runIpam(deps: IpamDeps, signal: AbortSignal): Promise<void> {
  const { clock, log } = deps;
  while (!signal.aborted) {
    try {
      for (const question of await readQuestions(deps, signal)) await settle(deps, question, signal);
    } catch (error) {
      if (!signal.aborted) log.warn('a question about addresses stays unanswered for now', { error });
    }
    await sleep(clock, LOOK_EVERY_MS, signal);
  }
}

async function readQuestions({ api, namespace }: IpamDeps, signal: AbortSignal): Promise<readonly IpamQuestion[]> {
  const { name, field } = IPAM_QUESTIONS;
  try {
    const path = objectPath(KINDS.configMap, { namespace, name });
    const { data = {} } = await api.request<{ data?: Readonly<Record<string, string>> }>('GET', path, { signal });
    return parseQuestions(data[field]);
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
}

async function settle(deps: IpamDeps, { id, ask }: IpamQuestion, signal: AbortSignal): Promise<void> {
  const { api, namespace, log } = deps;
  const answer = await answerTo(deps, ask, signal);
  // Who leads no longer may have stopped half-way.
  if (signal.aborted) return;
  if (answer.what === 'check' && answer.check.repaired.length > 0)
    log.info('addresses put right', { repaired: answer.check.repaired });
  const swap = (object: typeof IPAM_QUESTIONS, update: (text: string | undefined) => string) =>
    compareAndSwapConfigMap(api, { namespace, ...object }, update, signal);
  await swap(IPAM_ANSWERS, (text) => withReply(text, { id, answer }));
  await swap(IPAM_QUESTIONS, (text) => withoutQuestion(text, id));
}

async function answerTo(deps: IpamDeps, ask: IpamAsk, signal: AbortSignal): Promise<IpamAnswer> {
  if (ask.what === 'check') return { what: 'check', check: await checkTwice(deps, ask.fix, signal) };
  if (ask.what === 'flows') return await lookAtFlows(deps, ask.node);
  if (ask.what === 'proxies') return lookAtProxies(deps, ask.pod);
  if (ask.what === 'proxy') return await viewProxy(deps, ask);
  const facts = await lookAtAddresses(deps);
  if (ask.what === 'address') {
    const address = whoHas(facts, ask.address);
    return typeof address === 'string' ? { what: 'refusal', message: address } : { what: 'address', address };
  }
  const usage = usageOf(facts);
  const blocks = usage.blocks.slice(0, MAX_BLOCKS);
  return { what: 'usage', usage: { ...usage, blocks }, blocksLeftOff: usage.blocks.length - blocks.length };
}
