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

/**
 * IPv6 on the interface, and nothing that it would say or believe by itself: no link-local address of its own making,
 * no duplicate address detection, no router's word.
 */
export function quietIpv6(interfaceName: string): Sysctls {
  const folder = `ipv6/conf/${interfaceName}`;
  return {
    [`${folder}/addr_gen_mode`]: '1',
    [`${folder}/accept_dad`]: '0',
    [`${folder}/accept_ra`]: '0',
    [`${folder}/disable_ipv6`]: '0',
  };
}

/** The node forwards between its pods and the world. It stays on after Weft has gone: others may rely on it. */
export const FORWARDING: Sysctls = { 'ipv4/ip_forward': '1' };
const FORWARDING_IPV6: Sysctls = { 'ipv6/conf/all/forwarding': '1' };

/**
 * Turns on IPv6 forwarding. The kernel then believes no router advertisements on interfaces that did before, and the
 * node would lose its own way out: those are told to go on (accept_ra 2, Documentation/networking/ip-sysctl).
 */
export function applyIpv6Forwarding(netns: Netns, interfaceNames: readonly string[]): string[] {
  const believers = netns.run(() =>
    interfaceNames.filter((name) => {
      try {
        return readFileSync(`/proc/sys/net/ipv6/conf/${name}/accept_ra`, 'utf8').trim() === '1';
      } catch {
        return false; // no IPv6 on this interface, or it is gone
      }
    }),
  );
  const isOn = netns.run(() => readFileSync('/proc/sys/net/ipv6/conf/all/forwarding', 'utf8').trim() === '1');
  const keep = isOn ? {} : Object.fromEntries(believers.map((name) => [`ipv6/conf/${name}/accept_ra`, '2']));
  return applySysctls(netns, { ...keep, ...FORWARDING_IPV6 });
}

/**
 * Writes what differs in `netns`; says what it wrote. Settings of IPv6 that are not there are left out: that kernel
 * runs without IPv6, or the interface's MTU is below IPv6's 1280.
 *
 * @param isNew when what they are now need not be read.
 * @throws the file system's error, which names the path: EROFS in a container without privileges.
 */
export function applySysctls(netns: Netns, sysctls: Sysctls, isNew = false): string[] {
  return netns.run(() =>
    Object.entries(sysctls).flatMap(([key, value]) => {
      const path = `/proc/sys/net/${key}`;
      try {
        if (!isNew && readFileSync(path, 'utf8').trim() === value) return [];
        writeFileSync(path, value);
        return [`set ${key} to ${value}`];
      } catch (error) {
        if (systemErrorCode(error) === 'ENOENT' && key.startsWith('ipv6/')) return [];
        throw error;
      }
    }),
  );
}
