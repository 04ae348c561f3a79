import type { ReplyLine } from './control-socket.ts';

/** `Connecting` is all that is on the way: a session that cannot come up goes from one of these to the next for ever. */
export type SessionState = 'Established' | 'Connecting' | 'Down';

/** What BIRD says of one session. */
export interface ProtocolState {
  readonly name: string;
  readonly state: SessionState;
  /** Seconds since the epoch. */
  readonly sinceSeconds: number;
  readonly imported: number;
  readonly exported: number;
  /** What ended it last; empty when nothing did. */
  readonly message: string;
}

const HEADER = /^(\S+)\s+(\S+)\s+\S+\s+(?:up|start|down|stop|flush)\s+(\d+)/;

/** Reads the answer to `show protocols all`; its times must be seconds (`timeformat protocol "%s"`). */
export function parseProtocols(lines: readonly ReplyLine[]): readonly ProtocolState[] {
  const sections: { readonly header: RegExpExecArray; readonly body: string[] }[] = [];
  for (const { text } of lines) {
    const header = HEADER.exec(text);
    if (header === null) sections.at(-1)?.body.push(text);
    else sections.push({ header, body: [] });
  }
  return sections.flatMap(({ header: [, name = '', type, since], body }) => {
    if (type !== 'BGP') return [];
    const text = body.join('\n');
    const count = (what: string) => Number(new RegExp(`Routes:.*?(\\d+) ${what}`).exec(text)?.[1] ?? 0);
    return {
      name,
      state: stateOf(/BGP state:\s+(\S+)/.exec(text)?.[1]),
      sinceSeconds: Number(since),
      imported: count('imported'),
      exported: count('exported'),
      message: /Last error:\s+(.*)/.exec(text)?.[1]?.trim() ?? '',
    };
  });
}

/** @param state in the words of RFC 4271. */
function stateOf(state: string | undefined): SessionState {
  if (state === 'Established') return state;
  return state === undefined || state === 'Down' || state === 'Close' ? 'Down' : 'Connecting';
}
