import { NftError } from './nft-error.ts';

/** A name of hosts (RFC 1123), without a dot behind it. */
const NAME = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$/;
/** Of the transport header: behind the headers of UDP (8 bytes) and of the question (12 bytes, RFC 1035, 4.1.1). */
const QUESTION_BIT = 160;
/** nft compares this much of a packet at once, and looks up so much in a set. */
const CHUNK_BYTES = 16;
const KEY_BYTES = 64;
/** Conntrack zone of redirected questions. */
const ZONE = 53;

/**
 * The table `inet weft_names` of a pod's own namespace, as text for one transaction that replaces an earlier one: questions
 * over UDP for the addresses (A and AAAA) of exactly these names go to `port` on loopback. All others are not touched,
 * whoever answers at that port or does not.
 *
 * An application may ask for different names from one socket, and NAT decides once for each flow: therefore these
 * questions, and their answers, are a flow of their own, in another conntrack zone.
 *
 * @param names in lower case.
 * @throws NftError `BadName`.
 */
export function renderNames(names: readonly string[], port: number): string {
  const wires = [...new Set(names)].sort().map(wireOf);
  // One lookup for all names of a length.
  const questions = [...Map.groupBy(wires, groupOf).values()].map(
    (group) => `add rule inet weft_names ask ${matchOf(group)} ct zone set ${ZONE}`,
  );
  return [
    'add table inet weft_names',
    'add chain inet weft_names output { type filter hook output priority raw; policy accept; }',
    'add chain inet weft_names ask',
    'add chain inet weft_names redirected { type nat hook output priority -100; policy accept; }',
    'flush table inet weft_names',
    // Standard queries with one question (RFC 1035, 4.1.1): QR and Opcode are 0, QDCOUNT is 1.
    'add rule inet weft_names output udp dport 53 @th,80,5 0 @th,96,16 1 jump ask',
    `add rule inet weft_names output udp sport ${port} ct zone set ${ZONE}`,
    ...questions,
    `add rule inet weft_names redirected ct zone ${ZONE} udp dport 53 redirect to :${port}`,
    '',
  ].join('\n');
}

/** As in a question (RFC 1035, 3.1). */
function wireOf(name: string): Buffer {
  if (!NAME.test(name)) throw new NftError('BadName', `cannot redirect questions: '${name}' is no name in lower case`);
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label)]));
  return Buffer.concat([...labels, Buffer.of(0)]);
}

/** A key of a set holds 64 bytes; each longer name is a group of its own. */
function groupOf(wire: Buffer): string {
  return wire.length <= KEY_BYTES ? String(wire.length) : wire.toString('hex');
}

/** Names of one length, type A (1) or AAAA (28), class IN (1). */
function matchOf(wires: readonly Buffer[]): string {
  const length = wires[0]?.length ?? 0;
  const starts = Array.from({ length: Math.ceil(length / CHUNK_BYTES) }, (_, chunk) => chunk * CHUNK_BYTES);
  const fields = starts.map((at) => `@th,${QUESTION_BIT + at * 8},${Math.min(CHUNK_BYTES, length - at) * 8}`);
  const values = wires.map((wire) => starts.map((at) => `0x${wire.toString('hex', at, at + CHUNK_BYTES)}`));
  const name =
    length <= KEY_BYTES
      ? `${fields.join(' . ')} { ${values.map((parts) => parts.join(' . ')).join(', ')} }`
      : fields.map((field, index) => `${field} ${values[0]?.[index]}`).join(' ');
  const behind = QUESTION_BIT + length * 8;
  return `${name} @th,${behind},16 { 1, 28 } @th,${behind + 16},16 1`;
}
