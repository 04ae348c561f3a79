import type { KubeApi } from '../../kube/client.ts';
import { isNotFound } from '../../kube/errors.ts';
import { KINDS, objectPath } from '../../kube/kinds.ts';
import { compareAndSwapConfigMap } from '../../kube/registry.ts';
import { type Clock, sleep } from '../../lib/clock.ts';
import type { IpamAnswer } from '../../model/ipam/ask.ts';
import {
  IPAM_ANSWERS,
  IPAM_QUESTIONS,
  type IpamQuestion,
  parseReplies,
  withoutReply,
  withQuestion,
} from './conversation.ts';

const ASK_AGAIN_MS = 500;
/** A leader that takes over, three looks, and nodes that do not answer. */
const PATIENCE_MS = 120_000;

/** The other side of `runIpam`. @throws when nobody answers within two minutes. */
export async function askOperator(
  { api, namespace, clock }: { readonly api: KubeApi; readonly namespace: string; readonly clock: Clock },
  question: IpamQuestion,
): Promise<IpamAnswer> {
  const signal = new AbortController().signal;
  await compareAndSwapConfigMap(api, { namespace, ...IPAM_QUESTIONS }, (text) => withQuestion(text, question), signal);
  const deadline = clock.monotonic() + PATIENCE_MS;
  while (clock.monotonic() < deadline) {
    await sleep(clock, ASK_AGAIN_MS);
    const replies = await readReplies(api, namespace);
    const reply = replies.find(({ id }) => id === question.id);
    if (reply === undefined) continue;
    const take = (text: string | undefined) => withoutReply(text, question.id);
    await compareAndSwapConfigMap(api, { namespace, ...IPAM_ANSWERS }, take, signal);
    return reply.answer;
  }
  throw new Error(`no operator has answered within 2 minutes; see: kubectl -n ${namespace} get lease,pods`);
}

async function readReplies(api: KubeApi, namespace: string) {
  const { name, field } = IPAM_ANSWERS;
  try {
    const path = objectPath(KINDS.configMap, { namespace, name });
    return parseReplies((await api.request<{ data?: Readonly<Record<string, string>> }>('GET', path)).data?.[field]);
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
}
