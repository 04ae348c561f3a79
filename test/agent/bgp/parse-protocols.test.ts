import { describe, expect, test } from '@jest/globals';
import { parseReplyLine, type ReplyLine } from '../../../src/agent/bgp/control-socket.ts';
import { parseProtocols } from '../../../src/agent/bgp/parse-protocols.ts';

const ANSWER = `2002-Name       Proto      Table      State  Since         Info
1002-links      Device     ---        up     1795412098
1006-
1002-peer_192_0_2_2 BGP        ---        up     1795412102    Established
1006-  BGP state:          Established
     Neighbor address: 192.0.2.2
   Channel ipv4
     Routes:         2 imported, 1 filtered, 7 exported, 2 preferred
     Route change stats:     received   rejected   filtered    ignored   accepted
       Import updates:              4          0          2          0          2
1006-
1002-peer_192_0_2_3 BGP        ---        start  1795412098    Active        Socket: Connection refused
1006-  BGP state:          Active
     Neighbor address: 192.0.2.3
     Last error:       Socket: Connection refused
1006-
1002-peer_192_0_2_4 BGP        ---        down   1795412098
0000 `;

function linesOf(answer: string): readonly ReplyLine[] {
  const lines: ReplyLine[] = [];
  for (const text of answer.split('\n')) lines.push(parseReplyLine(text, lines.at(-1)?.code ?? 0).line);
  return lines;
}

describe('of what BIRD says', () => {
  test('the sessions are read, and nothing else', () => {
    const none = { imported: 0, exported: 0, message: '' };
    expect(parseProtocols(linesOf(ANSWER))).toEqual([
      { ...none, name: 'peer_192_0_2_2', state: 'Established', sinceSeconds: 1795412102, imported: 2, exported: 7 },
      {
        ...none,
        name: 'peer_192_0_2_3',
        state: 'Connecting',
        sinceSeconds: 1795412098,
        message: 'Socket: Connection refused',
      },
      { ...none, name: 'peer_192_0_2_4', state: 'Down', sinceSeconds: 1795412098 },
    ]);
  });

  test.each([
    ['0000 ', { line: { code: 0, text: '' }, isLast: true }],
    ['0003-Reconfigured', { line: { code: 3, text: 'Reconfigured' }, isLast: false }],
    [
      '8002 /x/bird.conf:3:1 syntax error',
      { line: { code: 8002, text: '/x/bird.conf:3:1 syntax error' }, isLast: true },
    ],
    ['   Channel ipv4', { line: { code: 1006, text: '  Channel ipv4' }, isLast: false }],
  ])('the line %j is understood', (text, expected) => {
    expect(parseReplyLine(text, 1006)).toEqual(expected);
  });
});
