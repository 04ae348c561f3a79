import type { Family } from '../../../lib/ip.ts';
import type { ChainIr, PortIr, RuleIr } from '../../../model/node/ir.ts';
import { PROTOCOLS } from '../../../model/policy/ports.ts';
import { NO_RULE } from '../../../model/policy/tiers.ts';
import type { NftLine } from './libnftables.ts';
import { chainName, type Direction, setName } from './names.ts';

/** NFT_USERDATA comments hold 128 bytes with their terminator. */
const COMMENT_CHARACTERS = 120;

/** The chains of nftables that one policy chain becomes: one for each of its tiers, the first under its plain name. */
export function chainNames(direction: Direction, key: string, { rules }: ChainIr): string[] {
  const name = chainName(direction, key);
  return tiersOf(rules).map((_, at) => (at === 0 ? name : `${name}.${at + 1}`));
}

/**
 * The rules of one policy chain: `return` on allow, so that the other direction is still asked, `drop` on deny, and on
 * to the next tier for what is passed, or what no rule of a tier matches. A rule becomes one line for each far end,
 * family and protocol, all of the same verdict, so their order among themselves is free.
 */
export function renderChain(direction: Direction, key: string, chain: ChainIr, families: readonly Family[]): NftLine[] {
  const names = chainNames(direction, key, chain);
  return tiersOf(chain.rules).flatMap((rules, at) => {
    const next = names[at + 1];
    const onwards = next === undefined ? verdictOf(chain.otherwise) : `goto ${next}`;
    const lines = rules.flatMap((rule) => renderRule(direction, rule, families, onwards));
    if (next !== undefined) lines.push(onwards);
    else if (chain.otherwise === 'deny') lines.push(`counter drop comment "${NO_RULE}"`);
    const text = (line: string) => `add rule inet weft ${names[at]} ${line}`;
    return lines.map((line): NftLine => ({ text: text(line), culprit: { kind: 'chain', key } }));
  });
}

/** Neighbours of the same tier together; at least one group, which may be empty. */
function tiersOf(rules: readonly RuleIr[]): (readonly RuleIr[])[] {
  const tiers = [...Map.groupBy(rules, ({ tier = 0 }) => tier).values()];
  return tiers.length === 0 ? [[]] : tiers;
}

function verdictOf(action: 'allow' | 'deny'): string {
  return action === 'allow' ? 'return' : 'drop';
}

/** @param onwards  verdict for what the rule passes. */
function renderRule(
  direction: Direction,
  { action, peers, ports, origin }: RuleIr,
  families: readonly Family[],
  onwards: string,
): string[] {
  const far = direction === 'ingress' ? 'saddr' : 'daddr';
  const comment = `comment "${renderComment(origin)}"`;
  const matchesOf = (family?: Family) => (ports === 'any' ? [ANYTHING] : renderPorts(ports, family));
  const lines = (end: string, family?: Family) =>
    matchesOf(family).flatMap((match) => {
      if (action === 'reject') return renderReject(end, match, comment);
      return [`${end}${match.text}counter ${action === 'pass' ? onwards : verdictOf(action)} ${comment}`];
    });
  if (peers === 'any') return lines('');
  const endsOf = (key: string) =>
    families.flatMap((family) => lines(`${family === 4 ? 'ip' : 'ip6'} ${far} @${setName(key, family)} `, family));
  return peers.flatMap(endsOf);
}

/** A match of protocol and ports, ending in a blank. */
interface Match {
  readonly text: string;
  readonly protocol?: PortIr['protocol'];
}

const ANYTHING: Match = { text: '' };

/** TCP is told by a reset, everything else by ICMP. */
function renderReject(end: string, { text, protocol }: Match, comment: string): string[] {
  const reset = (match: string) => `${end}${match}counter reject with tcp reset ${comment}`;
  const prohibited = `${end}${text}counter reject with icmpx type admin-prohibited ${comment}`;
  if (protocol === undefined) return [reset('meta l4proto tcp '), prohibited];
  return [protocol === 'TCP' ? reset(text) : prohibited];
}

/** One match for each protocol that is named, of ICMP for each code. `family`: of the far end, when it is known. */
function renderPorts(ports: readonly PortIr[], family: Family | undefined): Match[] {
  return [...renderTransports(ports), ...renderIcmp(ports, 'ICMP', family), ...renderIcmp(ports, 'ICMPv6', family)];
}

function renderIcmp(ports: readonly PortIr[], protocol: 'ICMP' | 'ICMPv6', family: Family | undefined): Match[] {
  const [word, number, own] = protocol === 'ICMP' ? (['icmp', 1, 4] as const) : (['icmpv6', 58, 6] as const);
  if (family !== undefined && family !== own) return [];
  const byCode = Map.groupBy(
    ports.filter((port) => port.protocol === protocol),
    ({ code }) => code,
  );
  return [...byCode].map(([code, of]): Match => {
    const ranges = merged(of);
    const [first] = ranges;
    const types = ranges.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`)).join(', ');
    const isAll = first?.from === 0 && first.to === 255;
    const type = isAll ? `meta nfproto ipv${own} meta l4proto ${number} ` : `${word} type { ${types} } `;
    return { text: code === undefined ? type : `${type}${word} code ${code} `, protocol };
  });
}

function renderTransports(ports: readonly PortIr[]): Match[] {
  return PROTOCOLS.flatMap((protocol): Match[] => {
    const ranges = merged(ports.filter((port) => port.protocol === protocol));
    if (ranges.length === 0) return [];
    const word = protocol.toLowerCase();
    const [first] = ranges;
    if (first !== undefined && first.from === 0 && first.to === 65_535) {
      return [{ text: `meta l4proto ${word} `, protocol }];
    }
    const texts = ranges.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`));
    const text = texts.length === 1 ? `${word} dport ${texts[0]} ` : `${word} dport { ${texts.join(', ')} } `;
    return [{ text, protocol }];
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
