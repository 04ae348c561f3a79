import { ipBytes, parseAttributes, readIp } from './codec.ts';
import { type Family, familyOf, hostCidr } from '../../../lib/ip.ts';
import {
  AF_INET,
  AF_INET6,
  IFA_ADDRESS,
  IFA_F_NODAD,
  IFA_LOCAL,
  NLM_F_CREATE,
  NLM_F_REPLACE,
  RTM_DELADDR,
  RTM_GETADDR,
  RTM_NEWADDR,
} from './constants.ts';
import type { Link } from './link.ts';
import type { NetlinkRequest, NetlinkSocket } from './socket.ts';

/** An address of an interface. */
export interface InterfaceAddress {
  readonly index: number;
  readonly address: string;
  readonly prefixLength: number;
}

/** struct ifaddrmsg: family, prefix length, flags, scope, index. */
function addressHeader(family: Family, index = 0, prefixLength = 0, flags = 0): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt8(family === 4 ? AF_INET : AF_INET6, 0);
  header.writeUInt8(prefixLength, 1);
  header.writeUInt8(flags, 2);
  header.writeUInt32LE(index, 4);
  return header;
}

/** Parses the body of RTM_NEWADDR. */
export function parseAddress(body: Buffer): InterfaceAddress {
  const attributes = parseAttributes(body, 8);
  return {
    index: body.readUInt32LE(4),
    address: readIp(attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS)) ?? '',
    prefixLength: body.readUInt8(1),
  };
}

/** Of all interfaces and both families. */
export function listAddresses(socket: NetlinkSocket): InterfaceAddress[] {
  return ([4, 6] as const).flatMap((family) => {
    const request = { what: `list IPv${family} addresses`, type: RTM_GETADDR, header: addressHeader(family) };
    return socket.dump(request).map(({ body }) => parseAddress(body));
  });
}

/**
 * Makes `addresses`, each as a prefix of its own, the only ones of `link`; says what it wrote. Link-local addresses of
 * IPv6 are the kernel's and stay.
 */
export function correctAddresses(socket: NetlinkSocket, link: Link, addresses: readonly string[]): string[] {
  const corrections = encodeAddressCorrections(link, addresses, listAddresses(socket));
  socket.requestAll(corrections);
  return corrections.map(({ what }) => what);
}

/** As `correctAddresses`. @param present what the namespace has. */
export function encodeAddressCorrections(
  link: Link,
  addresses: readonly string[],
  present: readonly InterfaceAddress[],
): NetlinkRequest[] {
  const own = present.filter(({ index, address }) => index === link.index && !address.startsWith('fe80:'));
  const there = new Set(own.map(({ address, prefixLength }) => `${address}/${prefixLength}`));
  const wanted = new Set(addresses.map(hostCidr));
  return [
    ...[...wanted].filter((text) => !there.has(text)).map((text) => encodeAddress('add', text, link)),
    ...[...there].filter((text) => !wanted.has(text)).map((text) => encodeAddress('remove', text, link)),
  ];
}

function encodeAddress(verb: 'add' | 'remove', text: string, link: Link): NetlinkRequest {
  const [address = '', length] = text.split('/');
  // Nobody else can have the address: it is used at once.
  const flags = familyOf(address) === 6 ? IFA_F_NODAD : 0;
  return {
    what: `${verb} address ${text} ${verb === 'add' ? 'to' : 'from'} ${link.name}`,
    type: verb === 'add' ? RTM_NEWADDR : RTM_DELADDR,
    flags: verb === 'add' ? NLM_F_CREATE | NLM_F_REPLACE : 0,
    header: addressHeader(familyOf(address), link.index, Number(length), flags),
    attributes: [
      [IFA_LOCAL, ipBytes(address)],
      [IFA_ADDRESS, ipBytes(address)],
    ],
  };
}
