import { readFileSync, writeFileSync } from 'node:fs';
import type { Netns } from './netns.ts';
import { systemErrorCode } from './system-error.ts';

/** Settings under /proc/sys/net, by path, with the value each is to have. */
export type Sysctls = Readonly<Record<string, string>>;

/**
 * No IPv6 on the interface, so that it says nothing on its own (router solicitations, duplicate address detection)
 * when it comes up.
 */
export function withoutIpv6(interfaceName: string): Sysctls {
  return { [`ipv6/conf/${interfaceName}/disable_ipv6`]: '1' };
}

/** The node forwards between its pods and the world. It stays on after Weft has gone: others may rely on it. */
export const FORWARDING: Sysctls = { 'ipv4/ip_forward': '1' };

/**
 * Writes what differs in `netns`; says what it wrote. Settings of IPv6 that are not there are left out: that kernel
 * runs without IPv6, or the interface's MTU is below IPv6's 1280. @throws the file system's error, which names the path: EROFS in a container without privileges.
 */
export function applySysctls(netns: Netns, sysctls: Sysctls): string[] {
  return netns.run(() =>
    Object.entries(sysctls).flatMap(([key, value]) => {
      const path = `/proc/sys/net/${key}`;
      try {
        if (readFileSync(path, 'utf8').trim() === value) return [];
        writeFileSync(path, value);
        return [`set ${key} to ${value}`];
      } catch (error) {
        if (systemErrorCode(error) === 'ENOENT' && key.startsWith('ipv6/')) return [];
        throw error;
      }
    }),
  );
}
