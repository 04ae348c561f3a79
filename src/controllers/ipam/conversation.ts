import { isProxyPart } from '../../model/mesh/proxy-view.ts';
import type { IpamAnswer, IpamAsk } from '../../model/ipam/ask.ts';

/** What `weft ipam`, `weft flows` and `weft proxy` ask, and what the leading operator answers: two ConfigMaps, so that to look for questions is little. */
export const IPAM_QUESTIONS = { name: 'weft-ipam', field: 'questions' };
export const IPAM_ANSWERS = { name: 'weft-ipam-answers', field: 'answers' };

/** People who ask at once; whoever was first is left out, and asks again. */
const MAX_QUESTIONS = 16;
/** Below the megabyte that a ConfigMap may have. Whoever asked takes the answer out; some never come for theirs. */
const MAX_ANSWERS_LENGTH = 900_000;

export interface IpamQuestion {
  readonly id: string;
  readonly ask: IpamAsk;
}

export interface IpamReply {
  /** Of the question. */
  readonly id: string;
  readonly answer: IpamAnswer;
}

export function withQuestion(text: string | undefined, question: IpamQuestion): string {
  return JSON.stringify([...parseQuestions(text), question].slice(-MAX_QUESTIONS));
}

export function withoutQuestion(text: string | undefined, id: string): string {
  return JSON.stringify(parseQuestions(text).filter((question) => question.id !== id));
}

/** Answers that nobody came for go when there is no more room, the oldest first. */
export function withReply(text: string | undefined, reply: IpamReply): string {
  const kept = [...parseReplies(text).filter(({ id }) => id !== reply.id), reply];
  let all = JSON.stringify(kept);
  while (all.length > MAX_ANSWERS_LENGTH && kept.length > 1) {
    kept.shift();
    all = JSON.stringify(kept);
  }
  return all;
}

export function withoutReply(text: string | undefined, id: string): string {
  return JSON.stringify(parseReplies(text).filter((reply) => reply.id !== id));
}

/** What is no question, such as one of a newer command, is left out. */
export function parseQuestions(text: string | undefined): readonly IpamQuestion[] {
  return parseList(text).flatMap(({ id, ask }) => {
    const parsed = parseAsk(ask);
    return typeof id !== 'string' || parsed === undefined ? [] : [{ id, ask: parsed }];
  });
}

/** Written by the operator alone: what is in an answer is taken as it is. */
export function parseReplies(text: string | undefined): readonly IpamReply[] {
  return parseList(text).flatMap(({ id, answer }) => {
    if (typeof id !== 'string' || typeof answer !== 'object' || answer === null) return [];
    return [{ id, answer: answer as IpamAnswer }];
  });
}

function parseAsk(value: unknown): IpamAsk | undefined {
  const { what, address, fix, node, pod, part, filter } = (value ?? {}) as Readonly<Record<string, unknown>>;
  if (what === 'usage') return { what };
  if (what === 'flows') return typeof node === 'string' ? { what, node } : { what };
  if (what === 'proxies') return typeof pod === 'string' ? { what, pod } : { what };
  if (what === 'proxy' && typeof pod === 'string' && isProxyPart(part)) {
    return { what, pod, part, filter: typeof filter === 'string' ? filter : '' };
  }
  if (what === 'address' && typeof address === 'string') return { what, address };
  return what === 'check' ? { what, fix: fix === true } : undefined;
}

function parseList(text: string | undefined): readonly Readonly<Record<string, unknown>>[] {
  try {
    const value: unknown = JSON.parse(text ?? '[]');
    return Array.isArray(value) ? value.filter((item) => typeof item === 'object' && item !== null) : [];
  } catch {
    return [];
  }
}
