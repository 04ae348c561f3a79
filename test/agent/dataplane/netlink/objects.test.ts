import { describe, expect, test } from '@jest/globals';
import { parseAddress } from '../../../../src/agent/dataplane/netlink/address.ts';
import { encodeMessage, type NetlinkMessage } from '../../../../src/agent/dataplane/netlink/codec.ts';
import { errnoName, parseFailure } from '../../../../src/agent/dataplane/netlink/error.ts';
import { parseLink } from '../../../../src/agent/dataplane/netlink/link.ts';
import {
  encodeNeighbour,
  encodeNeighbourRemoval,
  type Neighbour,
  neighbourKey,
  parseNeighbour,
} from '../../../../src/agent/dataplane/netlink/neighbour.ts';
import {
  encodeRoute,
  encodeRouteRemoval,
  parseRoute,
  type Route,
  routeKey,
  routeText,
} from '../../../../src/agent/dataplane/netlink/route.ts';
import type { NetlinkRequest } from '../../../../src/agent/dataplane/netlink/socket.ts';

const bytes = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
/** What follows nlmsghdr. */
const bodyOf = ({ type, header, attributes = [] }: NetlinkRequest) =>
  encodeMessage(type, 0, 0, header, attributes).subarray(16);

const TUNNEL: Route = {
  destination: '10.42.1.0/26',
  type: 'unicast',
  interfaceIndex: 9,
  gateway: '10.42.1.0',
  onlink: true,
};

describe('a route', () => {
  test.each<[string, Route, string]>([
    [
      'through the tunnel',
      TUNNEL,
      // rtmsg: AF_INET /26, main table, protocol 87, universe, unicast, onlink; RTA_DST, RTA_OIF, RTA_GATEWAY.
      '02 1a 00 00 fe 57 00 01 04000000 0800 0100 0a2a0100 0800 0400 09000000 0800 0500 0a2a0100',
    ],
    [
      'to a pod',
      { destination: '10.42.1.5/32', type: 'unicast', interfaceIndex: 3 },
      '02 20 00 00 fe 57 fd 01 00000000 0800 0100 0a2a0105 0800 0400 03000000',
    ],
    [
      'that is a blackhole',
      { destination: '10.42.1.0/26', type: 'blackhole' },
      '02 1a 00 00 fe 57 00 06 00000000 0800 0100 0a2a0100',
    ],
    [
      'for everything else',
      { destination: '0.0.0.0/0', type: 'unicast', interfaceIndex: 2, gateway: '169.254.1.1' },
      '02 00 00 00 fe 57 00 01 00000000 0800 0400 02000000 0800 0500 a9fe0101',
    ],
  ])('%s has these bytes, and is read back', (_, route, expected) => {
    const body = bodyOf(encodeRoute(route));
    expect(body.toString('hex')).toBe(bytes(expected).toString('hex'));
    expect(parseRoute(body)).toEqual(route);
  });

  test('is written in the place of its predecessor, and removed only as it is', () => {
    expect(encodeRoute(TUNNEL)).toMatchObject({ type: 24, flags: 0x500 });
    expect(encodeRouteRemoval(TUNNEL)).toMatchObject({ type: 25, attributes: encodeRoute(TUNNEL).attributes });
  });

  test('of another table is none of ours', () => {
    expect(parseRoute(bytes('02 20 00 00 ff 57 fe 02 00000000 0800 0f00 ff000000 0800 0100 0a2a0105'))).toBeUndefined();
  });

  test('has its metric in its key, and its interface in its text', () => {
    expect(routeKey({ ...TUNNEL, metric: 100 })).not.toBe(routeKey(TUNNEL));
    expect(routeText(TUNNEL)).toBe('10.42.1.0/26 via 10.42.1.0 dev #9 onlink');
    expect(routeText({ destination: '10.42.1.0/26', type: 'blackhole' })).toBe('blackhole 10.42.1.0/26');
  });

  test('to a prefix with host bits is refused by name', () => {
    expect(() => encodeRoute({ ...TUNNEL, destination: '10.42.1.1/26' })).toThrow("'10.42.1.1/26' is no prefix");
  });
});

describe('a neighbour', () => {
  const arp: Neighbour = { table: 'arp', interfaceIndex: 9, address: '10.42.2.0', mac: '0a:8a:b3:6e:d8:c4' };
  const forwarding: Neighbour = { ...arp, table: 'forwarding', address: '192.0.2.2' };

  test.each<[string, Neighbour, string]>([
    // ndmsg: family, index, NUD_PERMANENT, flags; NDA_DST, NDA_LLADDR.
    ['of ARP', arp, '02 000000 09000000 8000 00 00 0800 0100 0a2a0200 0a00 0200 0a8ab36ed8c4 0000'],
    [
      'of the tunnel, with NTF_SELF',
      forwarding,
      '07 000000 09000000 8000 02 00 0800 0100 c0000202 0a00 0200 0a8ab36ed8c4 0000',
    ],
  ])('%s has these bytes, and is read back', (_, neighbour, expected) => {
    const body = bodyOf(encodeNeighbour(neighbour));
    expect(body.toString('hex')).toBe(bytes(expected).toString('hex'));
    expect(parseNeighbour(body)).toEqual(neighbour);
  });

  test('that the kernel found out by itself is none of ours', () => {
    const body = bodyOf(encodeNeighbour(arp));
    body.writeUInt16LE(2, 8); // NUD_REACHABLE
    expect(parseNeighbour(body)).toBeUndefined();
  });

  test('has the address as its key in ARP, and the MAC in the tunnel', () => {
    expect(neighbourKey({ ...arp, mac: '0a:00:00:00:00:01' })).toBe(neighbourKey(arp));
    expect(neighbourKey({ ...forwarding, address: '192.0.2.9' })).toBe(neighbourKey(forwarding));
    expect(encodeNeighbourRemoval(arp)).toMatchObject({ type: 29 });
  });
});

describe('a link', () => {
  test('is read with the other end of its pair', () => {
    const link = parseLink(
      bytes(
        '00 00 0100 05000000 43100000 00000000' +
          '0a00 0300 657468300000 0000 0800 0400 78050000 0a00 0100 0a580a2a0005 0000 0800 0500 07000000' +
          '0500 1000 06000000' +
          '1000 1280 0900 0100 7665746800 000000',
      ),
    );
    expect(link).toEqual({
      index: 5,
      name: 'eth0',
      kind: 'veth',
      up: true,
      isSending: true,
      mtu: 1400,
      mac: '0a:58:0a:2a:00:05',
      peerIndex: 7,
      vxlan: undefined,
    });
  });

  test('is read with its tunnel', () => {
    const info =
      '0a00 0100 76786c616e00 0000 2400 0200 0800 0100 43140000 0800 0400 c0000201 0500 0700 00000000 0600 0f00 12b50000';
    const link = parseLink(bytes(`00 00 0100 05000000 02100000 00000000 3400 1200 ${info}`));
    expect(link.vxlan).toEqual({ vni: 5187, localAddress: '192.0.2.1', port: 4789, learning: false });
    expect(link.up).toBe(false);
  });
});

describe('an address', () => {
  test('is read with its prefix length', () => {
    const body = bytes('02 18 80 00 05000000 0800 0100 0a090909 0800 0200 0a090909');
    expect(parseAddress(body)).toEqual({ index: 5, address: '10.9.9.9', prefixLength: 24 });
  });
});

describe('an acknowledgement', () => {
  const message = (flags: number, body: string): NetlinkMessage => ({ type: 2, flags, sequence: 1, body: bytes(body) });
  const echo = '00000000 1800 0500 01000000 00000000';

  test('of success is no failure', () => {
    expect(parseFailure('try it', message(0x100, `00000000 ${echo}`))).toBeUndefined();
  });

  test("of failure carries the code's name and the kernel's words", () => {
    const words = Buffer.from('Nexthop has invalid gateway\0').toString('hex');
    expect(parseFailure('write route 10.0.0.0/8', message(0x300, `eaffffff ${echo} 2000 0100 ${words}`))).toMatchObject(
      {
        code: 'EINVAL',
        errno: 22,
        message: 'cannot write route 10.0.0.0/8: Nexthop has invalid gateway (EINVAL)',
      },
    );
  });

  test('of failure without words carries the code', () => {
    expect(parseFailure('try it', message(0x100, `edffffff ${echo}`))?.message).toBe('cannot try it: ENODEV');
  });

  test('names also what has no name', () => {
    expect(errnoName(11)).toBe('EAGAIN');
    expect(errnoName(524)).toBe('errno 524');
  });
});
