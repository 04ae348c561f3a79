import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { encodeQuestion, parseAnswer, type QuestionType, RESPONSE_CODE } from '../../src/discovery/dns/message.ts';

export interface DnsQuestions {
  readonly what: 'resolve';
  /** Address of the server. */
  readonly server: string;
  readonly questions: readonly { readonly name: string; readonly type: QuestionType }[];
}

const PATIENCE_MS = 1000;

/** Asks one after the other from one socket, as Netty and c-ares do; the addresses, or why there are none. */
export async function resolve({ server, questions }: DnsQuestions): Promise<readonly string[]> {
  const socket = createSocket(server.includes(':') ? 'udp6' : 'udp4');
  socket.connect(53, server);
  await once(socket, 'connect');
  const found: string[] = [];
  for (const [id, { name, type }] of questions.entries()) {
    socket.send(encodeQuestion(id, name, type));
    found.push(await answerTo(socket, id));
  }
  socket.close();
  return found;
}

async function answerTo(socket: ReturnType<typeof createSocket>, id: number): Promise<string> {
  try {
    for (;;) {
      const [message] = (await once(socket, 'message', { signal: AbortSignal.timeout(PATIENCE_MS) })) as [Buffer];
      const answer = parseAnswer(message);
      if (answer?.id !== id) continue;
      if (answer.code !== RESPONSE_CODE.noError) return `code ${answer.code}`;
      return answer.answers.flatMap(({ data }) => (data.type === 'address' ? [data.address] : [])).join();
    }
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : 'silence';
  }
}
