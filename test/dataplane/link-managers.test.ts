import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { listLinks } from '../../src/agent/dataplane/netlink/link.ts';
import { Netns } from '../../src/agent/dataplane/netns.ts';
import { isOwnLink } from '../../src/agent/dataplane/leftovers.ts';
import { managedLinks } from '../../src/agent/link-managers.ts';
import { NetnsLab } from './netns-lab.ts';

/** With its own /run; a /sys that cannot be written tells it that no udev is there to wait for. */
const NETWORKD = `
mount -t tmpfs tmpfs /run && mount -t sysfs -o ro sysfs /sys
mkdir -p /run/systemd/network /run/systemd/netif/links && chown -R systemd-network:systemd-network /run/systemd/netif
printf '[Match]\\nName=%s\\n%s\\n' "$1" "$2" >/run/systemd/network/50-lab.network
/lib/systemd/systemd-networkd >/dev/null 2>&1 & networkd=$!
undecided() { [ $(ls /run/systemd/netif/links | wc -l) -lt 3 ] || grep -qE 'STATE=(pending|initialized)' /run/systemd/netif/links/*; }
for attempt in $(seq 600); do undecided || break; sleep 0.1; done
kill -STOP $networkd; mkdir -p "$3" && cp -r /run/systemd "$3/"; kill -KILL $networkd
`;

const lab = new NetnsLab();
const folder = mkdtempSync(path.join(os.tmpdir(), 'weft-t-managers-'));
afterAll(() => {
  lab.close();
  rmSync(folder, { recursive: true });
});

test.each<[string, string, string[]]>([
  ['whose care is all interfaces manages Weft’s', '[Network]\nAddress=192.0.2.77/24', ['weft0123456789a']],
  ['that was told to leave them alone does not', '[Link]\nUnmanaged=yes', []],
])(
  'a systemd-networkd %s',
  (_, section, expected) => {
    const netns = lab.add(`node${expected.length}`);
    lab.ip(netns, 'link', 'add', 'weft0123456789a', 'type', 'veth', 'peer', 'name', 'other');
    const run = path.join(folder, String(expected.length));
    const inside = [`--net=${netns}`, 'unshare', '--mount', 'sh', '-ec', NETWORKD, 'sh', 'weft*', section, run];
    execFileSync('nsenter', ['--', ...inside].slice(1));
    using host = Netns.open(netns);
    const own = listLinks(host.rtnetlink).filter(isOwnLink);
    expect(managedLinks(path.dirname(run), own)).toEqual([]);
    expect(managedLinks(run, own)).toEqual(expected.map((link) => ({ manager: 'systemd-networkd', link })));
  },
  90_000,
);
