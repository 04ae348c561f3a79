import { containsAddress, parseCidr, parseIp } from '../../lib/ip.ts';
import { type HttpRequest, matchesRequest } from './http-rules.ts';
import type { AddressSetIr, ChainIr, PortIr, RuleIr } from '../node/ir.ts';

/** The first packet of a connection, as one end's chain sees it: after service translation, before masquerading. */
export interface PolicyPacket {
  /** Address of the far end: the source for an ingress chain, the destination for an egress chain. */
  readonly peer: string;
  /** `other`: what has neither ports nor types. */
  readonly protocol: PortIr['protocol'] | 'other';
  /** Destination port, of ICMP and ICMPv6 the type; 0 for `other`. */
  readonly port: number;
  /** Of ICMP and ICMPv6. */
  readonly code?: number;
  /** The receiver's proxy reads the port's connections as HTTP, and judges each request. */
  readonly isHttp?: boolean;
  /** As the proxy asks: this request. Absent: the kernel asks, of the connection. */
  readonly request?: HttpRequest;
}

export interface AddressSets {
  /** Whether the set of this key has `address` in it; a set that does not exist has nobody in it. */
  has(key: string, address: string): boolean;
}

export interface Decision {
  readonly verdict: 'allow' | 'deny' | 'reject';
  /** Index into `chain.rules` of the rule that decided; absent: `chain.otherwise` did. */
  readonly rule?: number;
}

/**
 * What `chain` says of `packet`: the oracle of what the kernel does with the same chain rendered as nftables rules.
 * The first rule that matches decides, unless it passes to a later tier.
 */
export function evaluate(chain: ChainIr, sets: AddressSets, packet: PolicyPacket): Decision {
  let passed = -1;
  for (const [index, rule] of chain.rules.entries()) {
    const { action, tier = 0 } = rule;
    if (action === 'log' || tier <= passed || !matches(rule, sets, packet)) continue;
    if (action !== 'pass') return { verdict: action, rule: index };
    passed = tier;
  }
  return { verdict: chain.otherwise };
}

function matches(rule: RuleIr, sets: AddressSets, packet: PolicyPacket): boolean {
  return matchesPeer(rule, sets, packet) && matchesPort(rule, packet) && matchesHttp(rule, packet);
}

/** The kernel lets in what some request could be allowed by, and leaves to the proxy what some could be denied by. */
export function matchesHttp({ http, action }: RuleIr, { isHttp = false, request }: PolicyPacket): boolean {
  if (http === undefined) return true;
  if (request === undefined) return (action === 'allow') === isHttp;
  return matchesRequest(http, request, action === 'allow');
}

export function matchesPeer({ peers }: RuleIr, sets: AddressSets, { peer }: PolicyPacket): boolean {
  return peers === 'any' || peers.some((key) => sets.has(key, peer));
}

export function matchesPort({ ports }: RuleIr, { protocol, port, code: its }: PolicyPacket): boolean {
  if (ports === 'any') return true;
  return ports.some(
    ({ protocol: of, from, to, code }) =>
      of === protocol && port >= from && port <= to && (code === undefined || code === its),
  );
}

/** Sets as the operator sent them. Looks through all members: for explanations, not for every packet. */
export function addressSets(sets: ReadonlyMap<string, AddressSetIr>): AddressSets {
  return {
    has(key, address) {
      const set = sets.get(key);
      if (set === undefined) return false;
      if (set.type === 'ip') return set.members.includes(address);
      const value = parseIp(address);
      if (value === undefined) return false;
      return set.members.some((member) => {
        const cidr = parseCidr(member);
        return cidr !== undefined && containsAddress(cidr, value);
      });
    },
  };
}
