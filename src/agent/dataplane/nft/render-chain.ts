import type { Family } from '../../../lib/ip.ts';
import type { ChainIr, PortIr, RuleIr } from '../../../model/node/ir.ts';
import type { NftLine } from './libnftables.ts';
import { chainName, type Direction, setName } from './names.ts';

/** NFT_USERDATA comments hold 128 bytes with their terminator. */
const COMMENT_CHARACTERS = 120;
/** Comment, and origin in counters, of what no rule matched. */
export const OTHERWISE = 'no rule allows it';

/**
 * One policy chain: `return` on allow, so that the other direction is still asked, `drop` on deny. A rule becomes
 * one line for each far end, family and protocol, all of the same verdict, so their order among themselves is free.
 */
export function renderChain(direction: Direction, key: string, chain: ChainIr, families: readonly Family[]): NftLine[] {
  const name = chainName(direction, key);
  const rules = chain.rules.flatMap((rule) => renderRule(direction, rule, families));
  if (chain.otherwise === 'deny') rules.push(`counter drop comment "${OTHERWISE}"`);
  return rules.map((rule) => ({ text: `add rule inet weft ${name} ${rule}`, culprit: { kind: 'chain', key } }));
}

function renderRule(
  direction: Direction,
  { action, peers, ports, origin }: RuleIr,
  families: readonly Family[],
): string[] {
  const far = direction === 'ingress' ? 'saddr' : 'daddr';
  const endOf = (key: string) =>
    families.map((family) => `${family === 4 ? 'ip' : 'ip6'} ${far} @${setName(key, family)} `);
  const ends = peers === 'any' ? [''] : peers.flatMap(endOf);
  const verdict = action === 'allow' ? 'return' : 'drop';
  const matches = ports === 'any' ? [''] : renderPorts(ports);
  return ends.flatMap((end) =>
    matches.map((match) => `${end}${match}counter ${verdict} comment "${renderComment(origin)}"`),
  );
}

/** One match for each protocol that is named. */
function renderPorts(ports: readonly PortIr[]): string[] {
  return (['TCP', 'UDP', 'SCTP'] as const).flatMap((protocol) => {
    const ranges = merged(ports.filter((port) => port.protocol === protocol));
    if (ranges.length === 0) return [];
    const word = protocol.toLowerCase();
    const [first] = ranges;
    if (first !== undefined && first.from === 0 && first.to === 65_535) return [`meta l4proto ${word} `];
    const texts = ranges.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`));
    return [texts.length === 1 ? `${word} dport ${texts[0]} ` : `${word} dport { ${texts.join(', ')} } `];
  });
}

/** Sorted and disjoint: nft refuses sets whose intervals overlap. */
function merged(ports: readonly PortIr[]): { from: number; to: number }[] {
  const ranges: { from: number; to: number }[] = [];
  for (const { from, to } of [...ports].sort((a, b) => a.from - b.from)) {
    const last = ranges.at(-1);
    if (last !== undefined && from <= last.to + 1) last.to = Math.max(last.to, to);
    else ranges.push({ from, to });
  }
  return ranges;
}

/** What could end the quotes or the line is left out. */
export function renderComment(origin: string): string {
  return origin.replaceAll(/[^ -~]|["\\]/g, '').slice(0, COMMENT_CHARACTERS);
}
