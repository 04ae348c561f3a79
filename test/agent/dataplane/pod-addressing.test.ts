import { describe, expect, test } from '@jest/globals';
import { HOST_END_MAC, macOf } from '../../../src/agent/dataplane/pod-addressing.ts';

describe('macOf', () => {
  test('is a locally administered unicast address that holds the IPv4 address', () => {
    expect(macOf('10.42.0.5')).toBe('0a:58:0a:2a:00:05');
    expect(macOf('0.0.0.1')).toBe('0a:58:00:00:00:01');
    expect(HOST_END_MAC).toBe('0a:58:a9:fe:01:01');
  });

  test('refuses what is no address', () => {
    expect(() => macOf('10.42.0')).toThrow("'10.42.0' is no IPv4 address");
  });
});
