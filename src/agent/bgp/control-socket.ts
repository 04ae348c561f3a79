import { createConnection, type Socket } from 'node:net';

/** A line of BIRD's answer: what kind of line it is, by its manual's reply codes, and its text. */
export interface ReplyLine {
  readonly code: number;
  readonly text: string;
}

const PATIENCE_MS = 5_000;
/** 8xxx: the command failed; 9xxx: it was not understood. */
const FIRST_FAILURE = 8_000;

/**
 * One command to the BIRD that listens at `path`.
 *
 * @throws when nobody listens, the answer takes longer than 5 s, or BIRD refuses; the message has BIRD's words.
 */
export async function askBird(path: string, command: string): Promise<readonly ReplyLine[]> {
  const socket = createConnection(path);
  try {
    socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error(`BIRD does not answer to '${command}'`)));
    socket.setEncoding('utf8');
    const replies = readReplies(socket);
    await replies.next();
    socket.write(`${command}\n`);
    const { value: lines = [] } = await replies.next();
    const last = lines.at(-1);
    if (last === undefined) throw new Error(`BIRD hung up at '${command}'`);
    if (last.code >= FIRST_FAILURE) throw new Error(`BIRD refuses '${command}': ${last.text}`);
    return lines;
  } finally {
    socket.destroy();
  }
}

/** Whether somebody listens at `path`. */
export function isBirdThere(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    const done = (isThere: boolean) => {
      socket.destroy();
      resolve(isThere);
    };
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
  });
}

/** The greeting first, then one answer a command. */
async function* readReplies(socket: Socket): AsyncGenerator<readonly ReplyLine[], undefined, undefined> {
  let rest = '';
  let lines: ReplyLine[] = [];
  for await (const chunk of socket as AsyncIterable<string>) {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) {
      const { line, isLast } = parseReplyLine(part, lines.at(-1)?.code ?? 0);
      lines.push(line);
      if (!isLast) continue;
      yield lines;
      lines = [];
    }
  }
  return undefined;
}

/** `1002-text` goes on, `0000 text` is the last one, and a line that begins with a space has its predecessor's code. */
export function parseReplyLine(text: string, before: number): { readonly line: ReplyLine; readonly isLast: boolean } {
  const match = /^(\d{4})([- ])(.*)$/.exec(text);
  if (match === null) return { line: { code: before, text: text.slice(1) }, isLast: false };
  return { line: { code: Number(match[1]), text: match[3] ?? '' }, isLast: match[2] === ' ' };
}
