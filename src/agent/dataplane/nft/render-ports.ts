import type { Family } from '../../../lib/ip.ts';
import type { PortIr } from '../../../model/node/ir.ts';
import { PROTOCOLS } from '../../../model/policy/ports.ts';

/** A match of protocol and ports, ending in a blank. */
export interface Match {
  readonly text: string;
  readonly protocol?: PortIr['protocol'];
}

export const ANYTHING: Match = { text: '' };

/** One match for each protocol that is named, of ICMP for each code. `family`: of the far end, when it is known. */
export function renderPorts(ports: readonly PortIr[], family: Family | undefined): Match[] {
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
