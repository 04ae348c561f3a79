import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import packet from 'dns-packet';

export interface DnsQuestions {
  readonly what: 'resolve';
  /** Address of the server. */
  readonly server: string;
  readonly questions: readonly { readonly name: string; readonly type: 'A' | 'AAAA' }[];
}

const PATIENCE_MS = 1000;

/** Asks one after the other from one socket, as Netty and c-ares do; the addresses, or why there are none. */
export async function resolve({ server, questions }: DnsQuestions): Promise<readonly string[]> {
  const socket = createSocket(server.includes(':') ? 'udp6' : 'udp4');
  socket.connect(53, server);
  await once(socket, 'connect');
  const found: string[] = [];
  for (const [id, { name, type }] of questions.entries()) {
    socket.send(packet.encode({ type: 'query', id, flags: packet.RECURSION_DESIRED, questions: [{ name, type }] }));
    found.push(await answerTo(socket, id));
  }
  socket.close();
  return found;
}

async function answerTo(socket: ReturnType<typeof createSocket>, id: number): Promise<string> {
  try {
    for (;;) {
      const [message] = (await once(socket, 'message', { signal: AbortSignal.timeout(PATIENCE_MS) })) as [Buffer];
      const answer = packet.decode(message);
      if (answer.id !== id) continue;
      const code = (answer.flags ?? 0) & 0xf;
      if (code !== 0) return `code ${code}`;
      return (answer.answers ?? []).flatMap((of) => (of.type === 'A' || of.type === 'AAAA' ? [of.data] : [])).join();
    }
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : 'silence';
  }
}
