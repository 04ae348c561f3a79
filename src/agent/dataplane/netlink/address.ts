import { ipv4Bytes, parseAttributes, readIpv4 } from './codec.ts';
import {
  AF_INET,
  IFA_ADDRESS,
  IFA_LOCAL,
  NLM_F_CREATE,
  NLM_F_REPLACE,
  RTM_DELADDR,
  RTM_GETADDR,
  RTM_NEWADDR,
} from './constants.ts';
import type { Link } from './link.ts';
import type { NetlinkSocket } from './socket.ts';

/** An IPv4 address of an interface. */
export interface InterfaceAddress {
  readonly index: number;
  readonly address: string;
  readonly prefixLength: number;
}

/** struct ifaddrmsg: family, prefix length, flags, scope, index. */
function addressHeader(index: number, prefixLength: number): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt8(AF_INET, 0);
  header.writeUInt8(prefixLength, 1);
  header.writeUInt32LE(index, 4);
  return header;
}

/** Parses the body of RTM_NEWADDR. */
export function parseAddress(body: Buffer): InterfaceAddress {
  const attributes = parseAttributes(body, 8);
  return {
    index: body.readUInt32LE(4),
    address: readIpv4(attributes.get(IFA_LOCAL)) ?? '',
    prefixLength: body.readUInt8(1),
  };
}

/** Of all interfaces. */
export function listAddresses(socket: NetlinkSocket): InterfaceAddress[] {
  const request = { what: 'list addresses', type: RTM_GETADDR, header: addressHeader(0, 0) };
  return socket.dump(request).map(({ body }) => parseAddress(body));
}

/** Makes `address`/32 the one IPv4 address of `link`, or takes all away; says what it wrote. */
export function correctAddress(socket: NetlinkSocket, link: Link, address: string | undefined): string[] {
  const present = listAddresses(socket).filter(({ index }) => index === link.index);
  const isWanted = (entry: InterfaceAddress) => entry.address === address && entry.prefixLength === 32;
  const written: string[] = [];
  const write = (verb: string, type: number, flags: number, entry: InterfaceAddress) => {
    const bytes = ipv4Bytes(entry.address);
    const what = `${verb} address ${entry.address}/${entry.prefixLength} ${verb === 'add' ? 'to' : 'from'} ${link.name}`;
    const header = addressHeader(link.index, entry.prefixLength);
    socket.request({
      what,
      type,
      flags,
      header,
      attributes: [
        [IFA_LOCAL, bytes],
        [IFA_ADDRESS, bytes],
      ],
    });
    written.push(what);
  };
  if (address !== undefined && !present.some(isWanted)) {
    write('add', RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, { index: link.index, address, prefixLength: 32 });
  }
  for (const entry of present) if (!isWanted(entry)) write('remove', RTM_DELADDR, 0, entry);
  return written;
}
