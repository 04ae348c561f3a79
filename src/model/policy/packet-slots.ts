import type { ChainIr, PortIr } from '../node/ir.ts';
import { evaluate, type PolicyPacket } from './evaluate.ts';
import type { Family } from '../../lib/ip.ts';

type Protocol = PolicyPacket['protocol'];

/**
 * Packets that differ in their destination port only, inclusive. Of ICMP and ICMPv6 256 slots are a type, one a code;
 * what has neither ports nor types is slot 0.
 */
export interface SlotRange {
  readonly protocol: Protocol;
  readonly from: number;
  readonly to: number;
}

const LAST_SLOT = 65_535;
const CODES = 256;

/** What a policy can tell apart of one family. */
function protocolsOf(family: Family): readonly Protocol[] {
  return ['TCP', 'UDP', 'SCTP', family === 4 ? 'ICMP' : 'ICMPv6', 'other'];
}

function isIcmp(protocol: Protocol): boolean {
  return protocol === 'ICMP' || protocol === 'ICMPv6';
}

/** All that there is. */
export function allSlots(family: Family): SlotRange[] {
  return protocolsOf(family).map((protocol) => ({ protocol, from: 0, to: protocol === 'other' ? 0 : LAST_SLOT }));
}

/** What `chain` lets through to or from somebody who is in the sets of these keys. Exact: asked once for each stretch between two ports that a rule names. */
export function openSlots(chain: ChainIr, memberOf: ReadonlySet<string>, family: Family): SlotRange[] {
  const sets = { has: (key: string) => memberOf.has(key) };
  const ports = chain.rules.flatMap((rule) => (rule.ports === 'any' ? [] : rule.ports));
  return allSlots(family).flatMap(({ protocol, to: last }) => {
    const open: { protocol: Protocol; from: number; to: number }[] = [];
    const starts = startsOf(ports.filter((port) => port.protocol === protocol));
    for (const [index, from] of starts.entries()) {
      const to = (starts[index + 1] ?? last + 1) - 1;
      const { verdict } = evaluate(chain, sets, { peer: '', ...packetOf({ protocol, from, to }) });
      if (verdict !== 'allow') continue;
      const previous = open.at(-1);
      if (previous?.to === from - 1) previous.to = to;
      else open.push({ protocol, from, to });
    }
    return open;
  });
}

/** The first of a range. */
export function packetOf({ protocol, from }: SlotRange): Omit<PolicyPacket, 'peer'> {
  return isIcmp(protocol) ? { protocol, port: Math.floor(from / CODES), code: from % CODES } : { protocol, port: from };
}

export function intersectSlots(a: readonly SlotRange[], b: readonly SlotRange[]): SlotRange[] {
  return a.flatMap((one) =>
    b.flatMap((other) => {
      if (one.protocol !== other.protocol) return [];
      const [from, to] = [Math.max(one.from, other.from), Math.min(one.to, other.to)];
      return from > to ? [] : [{ protocol: one.protocol, from, to }];
    }),
  );
}

/** Of `a` what is not in `b`. */
export function subtractSlots(a: readonly SlotRange[], b: readonly SlotRange[]): SlotRange[] {
  return b.reduce<SlotRange[]>(
    (left, hole) =>
      left.flatMap((range) => {
        if (range.protocol !== hole.protocol || range.to < hole.from || range.from > hole.to) return [range];
        const before = { ...range, to: hole.from - 1 };
        const after = { ...range, from: hole.to + 1 };
        return [before, after].filter(({ from, to }) => from <= to);
      }),
    [...a],
  );
}

/** For people: `TCP/80-90`, `ICMP type 8`, `all of UDP`. */
export function formatSlots(slots: readonly SlotRange[], family: Family): string {
  const whole = allSlots(family);
  const isWhole = (protocol: Protocol) =>
    whole.every(
      (all) =>
        all.protocol !== protocol ||
        slots.some(({ from, to, ...of }) => of.protocol === protocol && from <= all.from && to >= all.to),
    );
  if (whole.every(({ protocol }) => isWhole(protocol))) return 'everything';
  return slots
    .map(({ protocol, from, to }) => {
      if (protocol === 'other') return 'other protocols';
      if (isWhole(protocol)) return `all of ${protocol}`;
      return isIcmp(protocol) ? icmpText(protocol, from, to) : `${protocol}/${from === to ? from : `${from}-${to}`}`;
    })
    .join(', ');
}

function icmpText(protocol: Protocol, from: number, to: number): string {
  const isWholeTypes = from % CODES === 0 && to % CODES === CODES - 1;
  const text = (slot: number) =>
    isWholeTypes ? `${Math.floor(slot / CODES)}` : `${Math.floor(slot / CODES)} code ${slot % CODES}`;
  const [first, last] = [text(from), text(to)];
  return `${protocol} type ${first === last ? first : `${first} to ${last}`}`;
}

/** Where what a rule says may change, ascending. */
function startsOf(ports: readonly PortIr[]): number[] {
  const starts = new Set([0]);
  for (const { protocol, from, to, code } of ports) {
    const [first, end] = isIcmp(protocol) ? [from * CODES, (to + 1) * CODES] : [from, to + 1];
    starts.add(first).add(end);
    if (code === undefined) continue;
    for (let type = from; type <= to; type += 1)
      starts
        .add(type * CODES + code)
        .add(type * CODES + code + 1)
        .add(type * CODES);
  }
  return [...starts].filter((start) => start <= LAST_SLOT).sort((a, b) => a - b);
}
