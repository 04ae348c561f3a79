import { describe, expect, test } from '@jest/globals';
import { HOST_END_MAC, macOf, podMac } from '../../../src/agent/dataplane/pod-addressing.ts';

describe('macOf', () => {
  test('is a locally administered unicast address that holds the IPv4 address', () => {
    expect(macOf('10.42.0.5')).toBe('0a:58:0a:2a:00:05');
    expect(macOf('0.0.0.1')).toBe('0a:58:00:00:00:01');
    expect(HOST_END_MAC).toBe('0a:58:a9:fe:01:01');
  });

  test('of a pod is that of its IPv4 address, and of one without its IPv6 address another for each', () => {
    expect(podMac({ addresses: ['10.42.0.5', 'fd42::5'] })).toBe('0a:58:0a:2a:00:05');
    const macs = ['fd42::5', 'fd42::6'].map((address) => podMac({ addresses: [address] }));
    expect(macs).toEqual([expect.stringMatching(/^0a:58(:[0-9a-f]{2}){4}$/), expect.not.stringMatching(macs[0] ?? '')]);
  });

  test('refuses what is no address', () => {
    expect(() => macOf('10.42.0')).toThrow("'10.42.0' is no IP address");
  });
});
