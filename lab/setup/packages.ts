import { existsSync } from 'node:fs';
import { step } from './progress.ts';
import { run } from './shell.ts';

/** A file that shows that a package is there → the Debian package that brings it. */
const NEEDED: Readonly<Record<string, string>> = {
  '/usr/bin/containerd': 'containerd',
  '/usr/sbin/runc': 'runc',
  '/usr/sbin/nft': 'nftables',
  '/usr/sbin/iptables': 'iptables',
  '/usr/sbin/conntrack': 'conntrack',
  '/bin/busybox': 'busybox-static',
  '/usr/bin/openssl': 'openssl',
  '/usr/bin/curl': 'curl',
  '/usr/bin/iperf3': 'iperf3',
  '/usr/bin/nsenter': 'util-linux',
  '/lib/systemd/systemd-networkd': 'systemd',
  '/usr/lib/x86_64-linux-gnu/libjemalloc.so.2': 'libjemalloc2',
  '/bin/mount': 'mount',
  '/usr/sbin/ip': 'iproute2',
  '/bin/ping': 'iputils-ping',
  '/usr/lib/x86_64-linux-gnu/libssh-gcrypt.so.4': 'libssh-gcrypt-4',
};

/** Installs the system packages that the lab uses, or these, if any is missing. Needs root and a Debian 12 package source. */
export async function installPackages(needed = NEEDED): Promise<void> {
  const missing = Object.entries(needed)
    .filter(([file]) => !existsSync(file) && !existsSync(file.replace(/^\//, '/usr/')))
    .map(([, name]) => name);
  if (missing.length === 0) return;
  await step(
    `system packages: ${missing.join(' ')}`,
    async () => {
      const env = { DEBIAN_FRONTEND: 'noninteractive' };
      await run('apt-get', ['update', '-qq'], { env });
      await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], { env });
    },
    'about 1 minute',
  );
}
