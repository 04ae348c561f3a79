import { expect, test } from '@jest/globals';
import { renderRedirect } from '../../../../src/agent/dataplane/nft/redirect.ts';

const PLAIN = {
  proxyUid: 1337,
  inboundPort: 15006,
  outboundPort: 15001,
  hostAddresses: [],
  probePorts: [],
  excludedInboundPorts: [],
};

test('without probes, hosts or excluded ports there is no rule for them', () => {
  const text = renderRedirect(PLAIN);
  expect(text).not.toContain('{ }');
  expect(renderRedirect({ ...PLAIN, probePorts: [80] })).toBe(text);
  expect(renderRedirect({ ...PLAIN, hostAddresses: ['192.0.2.1'] })).toBe(text);
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
