import { describe, expect, test } from '@jest/globals';
import {
  encodeAttributes,
  encodeMessage,
  ipBytes,
  macBytes,
  parseAttributes,
  parseMessages,
  portBytes,
  readIp,
  readMac,
  readText,
  text,
  u8,
  u32,
} from '../../../../src/agent/dataplane/netlink/codec.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const bytes = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe('encodeMessage', () => {
  test('writes nlmsghdr, the fixed struct and the attributes, all padded to four bytes', () => {
    const message = encodeMessage(16, 0x605, 7, Buffer.from('aabb', 'hex'), [[3, text('lo')]]);
    expect(hex(message)).toBe(hex(bytes('1c000000 1000 0506 07000000 00000000 aabb0000 0700 0300 6c6f00 00')));
  });

  test('nests attributes, and marks the nest', () => {
    // `ip link add … type vxlan id 5187`, as far as IFLA_LINKINFO goes.
    const info = encodeAttributes([
      [
        18,
        [
          [1, text('vxlan')],
          [2, [[1, u32(5187)]]],
        ],
      ],
    ]);
    expect(hex(info)).toBe(hex(bytes('1c00 1280 0a00 0100 76786c616e00 0000 0c00 0280 0800 0100 43140000')));
  });

  test('writes an empty attribute as its header alone', () => {
    expect(hex(encodeAttributes([[9, Buffer.alloc(0)]]))).toBe('04000900');
  });

  test('refuses a value that an attribute cannot hold', () => {
    expect(() => encodeAttributes([[1, Buffer.alloc(65_532)]])).toThrow('out of range');
  });
});

describe('parseMessages', () => {
  test('reads each message of a datagram', () => {
    const datagram = Buffer.concat([
      encodeMessage(16, 2, 5, Buffer.of(1), []),
      encodeMessage(3, 2, 5, Buffer.alloc(4), []),
    ]);
    expect(parseMessages(datagram)).toEqual([
      { type: 16, flags: 2, sequence: 5, body: Buffer.of(1, 0, 0, 0) },
      { type: 3, flags: 2, sequence: 5, body: Buffer.alloc(4) },
    ]);
  });

  test.each([
    ['shorter than a header', '0f000000 1000 0000 00000000 00000000'],
    ['longer than the datagram', '20000000 1000 0000 00000000 00000000'],
    ['zero', '00000000 1000 0000 00000000 00000000'],
    ['cut off', '1000'],
  ])('stops at a length that is %s', (_, text) => {
    expect(parseMessages(bytes(text))).toEqual([]);
  });
});

describe('parseAttributes', () => {
  test('reads what encodeAttributes writes, nests included', () => {
    const parsed = parseAttributes(
      encodeAttributes([
        [1, u32(9)],
        [2, [[3, text('veth')]]],
      ]),
    );
    expect(parsed.get(1)?.readUInt32LE()).toBe(9);
    expect(readText(parseAttributes(parsed.get(2) ?? Buffer.alloc(0)).get(3))).toBe('veth');
  });

  test('begins behind the fixed struct', () => {
    expect([...parseAttributes(bytes('ffffffff 0500 0100 2a000000'), 4)]).toEqual([[1, Buffer.of(42)]]);
  });

  test('stops at a length that cannot be true', () => {
    expect(parseAttributes(bytes('0300 0100')).size).toBe(0);
    expect(parseAttributes(bytes('0900 0100 00000000')).size).toBe(0);
  });
});

describe('values', () => {
  test('have the byte order the kernel wants', () => {
    expect(hex(u8(7))).toBe('07');
    expect(hex(u32(5187))).toBe('43140000');
    expect(hex(portBytes(4789))).toBe('12b5');
    expect(hex(ipBytes('10.42.0.5'))).toBe('0a2a0005');
    expect(hex(ipBytes('fd42::5'))).toBe('fd420000000000000000000000000005');
    expect(hex(macBytes('0A:58:0a:2a:00:05'))).toBe('0a580a2a0005');
  });

  test('come back as they were', () => {
    expect(readIp(ipBytes('255.255.255.254'))).toBe('255.255.255.254');
    expect(readIp(ipBytes('FD42:0::5'))).toBe('fd42::5');
    expect(readMac(macBytes('0a:58:0a:2a:00:05'))).toBe('0a:58:0a:2a:00:05');
    expect(readText(text('eth0'))).toBe('eth0');
  });

  test('of a wrong length are no address', () => {
    expect(readIp(Buffer.alloc(15))).toBeUndefined();
    expect(readMac(Buffer.alloc(8))).toBeUndefined();
    expect(readText(undefined)).toBeUndefined();
  });

  test.each(['10.42.0', '10.42.0.256', '10.42.0.05', 'fd42::5::', 'fe80::1%eth0', ''])(
    'refuses the address %p',
    (address) => {
      expect(() => ipBytes(address)).toThrow(`'${address}' is no IP address`);
    },
  );

  test.each(['0a:58', '0a:58:0a:2a:00:0g', '0a580a2a0005', ''])('refuses the MAC %p', (mac) => {
    expect(() => macBytes(mac)).toThrow(`'${mac}' is no MAC address`);
  });
});
