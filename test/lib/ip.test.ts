import { isIP, SocketAddress } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  canonicalIp,
  compareIps,
  containsAddress,
  formatCidr,
  formatIp,
  isOfMachine,
  overlaps,
  parseCidr,
  parseIp,
  parseLooseCidr,
} from '../../src/lib/ip.ts';

describe('addresses', () => {
  test.each([
    ['10.244.0.1', '10.244.0.1'],
    ['255.255.255.255', '255.255.255.255'],
    ['FD00:0:0:1:0:0:0:1', 'fd00:0:0:1::1'],
    ['2001:db8::0:1', '2001:db8::1'],
    ['::', '::'],
    ['1::', '1::'],
    ['0:0:1:0:0:1:0:0', '::1:0:0:1:0:0'],
    ['2001:db8:1:1:1:1:0:1', '2001:db8:1:1:1:1:0:1'],
    ['::ffff:192.0.2.1', '::ffff:c000:201'],
  ])('%s is written %s', (text, canonical) => {
    expect(canonicalIp(text)).toBe(canonical);
  });

  test.each([
    '',
    '1.2.3',
    '1.2.3.256',
    '01.2.3.4',
    '1.2.3.4.5',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7::8',
    '12345::',
    'fe80::1%eth0',
    '::1.2.3',
    'g::',
    ' ::1',
  ])("'%s' is none", (text) => {
    expect(parseIp(text)).toBeUndefined();
  });

  test('are those that Node takes, and read the same, whatever the text', () => {
    const texts = fc.oneof(
      fc.ipV4(),
      fc.ipV6(),
      fc.string({ unit: fc.constantFrom(...'0123456789af:.'), maxLength: 20 }),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const ip = parseIp(text);
        expect(ip?.family ?? 0).toBe(isIP(text));
        if (ip === undefined) return;
        expect(parseIp(formatIp(ip))).toEqual(ip);
        const family = ip.family === 4 ? 'ipv4' : 'ipv6';
        const asNode = (address: string) => new SocketAddress({ address, family }).address;
        expect(asNode(formatIp(ip))).toBe(asNode(text));
      }),
      { numRuns: 3000 },
    );
  });

  test('are ordered by family, then by number', () => {
    expect(['fd00::1', '10.0.0.10', 'nothing', '10.0.0.9'].sort(compareIps)).toEqual([
      '10.0.0.9',
      '10.0.0.10',
      'fd00::1',
      'nothing',
    ]);
  });
});

describe('prefixes', () => {
  test('have no host bits, unless these may be cleared', () => {
    expect(parseCidr('fd00::1/64')).toBeUndefined();
    expect(formatCidr(parseLooseCidr('fd00::1/64') ?? fail())).toBe('fd00::/64');
    expect(formatCidr(parseLooseCidr('10.1.2.3/8') ?? fail())).toBe('10.0.0.0/8');
    expect(formatCidr(parseCidr('::/0') ?? fail())).toBe('::/0');
  });

  test.each(['10.0.0.0', '10.0.0.0/33', '::/129', '10.0.0.0/08', '10.0.0.0/', 'x/8', '::/-1'])(
    "'%s' is none",
    (text) => {
      expect(parseLooseCidr(text)).toBeUndefined();
    },
  );

  test('of one family hold and overlap nothing of the other', () => {
    const [four, six] = [parseCidr('0.0.0.0/0') ?? fail(), parseCidr('::/0') ?? fail()];
    expect(overlaps(four, six)).toBe(false);
    expect(containsAddress(six, parseIp('10.0.0.1') ?? fail())).toBe(false);
    expect(containsAddress(six, parseIp('ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff') ?? fail())).toBe(true);
  });
});

function fail(): never {
  throw new Error('it must be readable');
}

test('addresses of other machines are those that a packet can be sent to', () => {
  const yes = ['10.0.0.1', '192.0.2.7', '169.253.0.1', '223.255.255.255', '2001:db8::7', 'fd00::1'];
  const no = [
    ...['0.0.0.0', '127.0.0.1', '127.0.1.1', '169.254.169.254', '224.0.0.1', '255.255.255.255'],
    ...['::', '::1', 'fe80::1', 'ff02::1', '::ffff:127.0.0.1', '::ffff:192.0.2.7', 'web', ''],
  ];
  expect([...yes, ...no].filter(isOfMachine)).toEqual(yes);
});
