import { expect, test } from '@jest/globals';
import { renderRedirect } from '../../../../src/agent/dataplane/nft/redirect.ts';

const PLAIN = {
  proxyUid: 1337,
  inboundPort: 15006,
  outboundPort: 15001,
  hostAddresses: [],
  probePorts: [],
  excludedInboundPorts: [],
  administration: { port: 15000, mark: 1 },
};

function inbound(rule: string): string {
  return `add rule inet weft_mesh inbound ${rule}`;
}

test('without probes, hosts or excluded ports there is no rule for them', () => {
  const text = renderRedirect(PLAIN);
  expect(text).not.toContain('{ }');
  expect(renderRedirect({ ...PLAIN, probePorts: [80] })).toBe(text);
  expect(renderRedirect({ ...PLAIN, hostAddresses: ['192.0.2.1'] })).toBe(text);
});

test('probes of the node pass the proxy by in the families of its addresses', () => {
  const of = (...hostAddresses: string[]) =>
    renderRedirect({ ...PLAIN, probePorts: [80], hostAddresses })
      .split('\n')
      .filter((line) => line.includes('saddr'));
  expect(of('192.0.2.1')).toEqual(['ip saddr { 192.0.2.1 } tcp dport { 80 } accept'].map(inbound));
  expect(of('2001:db8::1', '192.0.2.1', 'fd00::', '192.0.2.1')).toEqual(
    ['ip saddr { 192.0.2.1 } tcp dport { 80 } accept', 'ip6 saddr { 2001:db8::1, fd00:: } tcp dport { 80 } accept'].map(
      inbound,
    ),
  );
});

test.each([
  ['an inbound port', { inboundPort: 70_000 }],
  ['a probe port', { probePorts: [0] }],
  ['a uid', { proxyUid: -1 }],
  ['the uid that means none', { proxyUid: 4_294_967_295 }],
  ['a host address', { hostAddresses: ['192.0.2.1 } accept; #'] }],
])('refuses %s that cannot be, before it becomes text', (_, wrong) => {
  expect(() => renderRedirect({ ...PLAIN, ...wrong })).toThrow(expect.objectContaining({ code: 'BadName' }));
});
