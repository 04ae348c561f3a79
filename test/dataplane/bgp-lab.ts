import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { BIN } from '../../lab/setup/paths.ts';
import { FRR } from '../../lab/setup/routers.ts';
import { askBird } from '../../src/agent/bgp/control-socket.ts';
import { BgpSpeaker } from '../../src/agent/bgp/speaker.ts';
import { removeBgpRoutes } from '../../src/agent/dataplane/bgp-routes.ts';
import type { Netns } from '../../src/agent/dataplane/netns.ts';
import { applyIpv6Forwarding, applySysctls, FORWARDING } from '../../src/agent/dataplane/sysctl.ts';
import { sleep, systemClock } from '../../src/lib/clock.ts';
import type { BgpIr, BgpSessionIr } from '../../src/model/node/ir.ts';
import { silentLog } from '../kube-room/fake-clock.ts';
import { NetnsLab } from './netns-lab.ts';

const BIRD = path.join(BIN, 'bird');
/** Peers try again after some seconds, and timers of the protocol are in seconds. */
const PATIENCE_MS = 30_000;

export interface Member {
  readonly number: number;
  readonly netns: Netns;
  readonly folder: string;
}

/** Machines on one switch, `192.0.2.N` and `2001:db8::N`, and routers on them. */
export class BgpLab {
  readonly lab = new NetnsLab();
  readonly #folder = mkdtempSync(path.join(tmpdir(), 'weft-bgp-'));
  readonly #fabric: string;
  readonly #children: ChildProcess[] = [];
  readonly #speakers: BgpSpeaker[] = [];
  #members = 0;

  constructor() {
    this.#fabric = this.lab.add('fabric');
    this.lab.ip(this.#fabric, 'link', 'add', 'switch', 'type', 'bridge');
    this.lab.ip(this.#fabric, 'link', 'set', 'switch', 'up');
  }

  add(): Member {
    this.#members += 1;
    const number = this.#members;
    const netns = this.lab.addNode(`machine${number}`);
    const name = path.basename(netns.path);
    this.lab.ip(this.#fabric, 'link', 'add', `port${number}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
    this.lab.ip(this.#fabric, 'link', 'set', `port${number}`, 'master', 'switch', 'up');
    applySysctls(netns, { 'ipv6/conf/eth0/accept_dad': '0' });
    this.lab.ip(netns.path, 'link', 'set', 'eth0', 'up');
    this.lab.ip(netns.path, 'address', 'add', `192.0.2.${number}/24`, 'dev', 'eth0');
    this.lab.ip(netns.path, 'address', 'add', `2001:db8::${number}/64`, 'dev', 'eth0', 'nodad');
    return { number, netns, folder: mkdtempSync(path.join(this.#folder, `machine${number}-`)) };
  }

  /** What an agent runs; another one of the same member is that agent after its restart. */
  speaker({ netns, folder }: Member, program = BIRD): BgpSpeaker {
    const speaker = new BgpSpeaker({
      folder: path.join(folder, 'weft'),
      command: ['nsenter', `--net=${netns.path}`, '--', program],
      removeRoutes: () => removeBgpRoutes(netns),
      countEveryMs: 0,
      clock: systemClock,
      logger: silentLog,
    });
    this.#speakers.push(speaker);
    return speaker;
  }

  /** A BIRD of somebody else; resolves when it takes commands. */
  async bird(member: Member, config: string): Promise<ChildProcess> {
    const control = path.join(member.folder, 'router.ctl');
    const file = path.join(member.folder, 'router.conf');
    writeFileSync(
      file,
      `router id 192.0.2.${member.number};\nprotocol device {}\nprotocol direct { ipv4; ipv6; }\n${config}`,
    );
    const child = this.#run(member, [BIRD, '-f', '-c', file, '-s', control, '-P', `${control}.pid`]);
    await eventually('BIRD takes commands', () => this.askRouter(member, 'show status'));
    return child;
  }

  /** The answer of the BIRD that `bird` started, as text. */
  async askRouter(member: Member, command: string): Promise<string> {
    const lines = await askBird(path.join(member.folder, 'router.ctl'), command);
    return lines.map(({ text }) => text).join('\n');
  }

  /** FRR's zebra and bgpd; `config` is bgpd's. */
  async frr(member: Member, config: string): Promise<void> {
    const file = (name: string) => path.join(member.folder, name);
    writeFileSync(file('bgpd.conf'), config);
    writeFileSync(file('zebra.conf'), '');
    // FRR looks its own group up, which a machine without its package does not have.
    writeFileSync(file('group'), 'root:x:0:\nfrrvty:x:999:root\n');
    const libraries = path.join(FRR, 'usr/lib/x86_64-linux-gnu');
    const env = { LD_LIBRARY_PATH: `${libraries}:${libraries}/frr` };
    const start = (name: string) => {
      const own = ['-f', file(`${name}.conf`), '-i', file(`${name}.pid`), '--vty_socket', member.folder];
      const program = [path.join(FRR, 'usr/lib/frr', name), '-u', 'root', '-g', 'root', '-z', file('zserv'), '-P', '0'];
      const script = `mount --bind ${file('group')} /etc/group && exec "$@"`;
      this.#run(member, ['unshare', '--mount', 'sh', '-c', script, 'sh', ...program, ...own], env);
    };
    start('zebra');
    await eventually('zebra takes commands', () => this.askFrr(member, 'show version', 'zebra'));
    start('bgpd');
    await eventually('bgpd takes commands', () => this.askFrr(member, 'show version'));
  }

  /** One command of FRR's, over the socket that its shell uses. */
  async askFrr(member: Member, command: string, daemon = 'bgpd'): Promise<string> {
    const socket = createConnection(path.join(member.folder, `${daemon}.vty`));
    socket.setEncoding('latin1').setTimeout(5_000, () => socket.destroy(new Error('FRR does not answer')));
    socket.write(`enable\0${command}\0`);
    let text = '';
    try {
      for await (const chunk of socket as AsyncIterable<string>) {
        text += chunk;
        // Each answer ends with three zeros and a code.
        const parts = text.split(/\0\0\0[\0-\xff]/);
        if (parts.length === 3) return parts[1] ?? '';
      }
    } finally {
      socket.destroy();
    }
    throw new Error(`FRR hung up at '${command}'`);
  }

  /** Makes it a router. */
  forward({ netns }: Member): void {
    applySysctls(netns, FORWARDING);
    applyIpv6Forwarding(netns, []);
  }

  /** Where somebody listens for TCP, sorted. */
  listeners({ netns }: Member): readonly string[] {
    const { stdout } = spawnSync('nsenter', [`--net=${netns.path}`, '--', 'ss', '-Hltn'], { encoding: 'utf8' });
    const lines = stdout.trim().split('\n');
    return lines.map((line) => line.split(/\s+/)[3] ?? '').sort();
  }

  /** The kernel's routes of one family that somebody's BGP has made. */
  routes({ netns }: Member, family: 4 | 6, protocol = 'bird'): string {
    return this.lab.ip(netns.path, `-${family}`, 'route', 'show', 'proto', protocol);
  }

  async close(): Promise<void> {
    for (const speaker of this.#speakers) await speaker.apply(undefined);
    for (const child of this.#children) child.kill('SIGKILL');
    await Promise.all(
      this.#children.map(
        (child) => child.exitCode ?? child.signalCode ?? new Promise((done) => child.once('exit', done)),
      ),
    );
    this.lab.close();
    rmSync(this.#folder, { recursive: true });
  }

  #run({ netns }: Member, command: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
    const child = spawn('nsenter', [`--net=${netns.path}`, '--', ...command], {
      stdio: 'ignore',
      env: { ...process.env, ...env },
    });
    this.#children.push(child);
    return child;
  }
}

/** Resolves with the first answer of `probe` that is neither undefined nor false; a failure of it is none yet. */
export async function eventually<T>(what: string, probe: () => T | Promise<T>): Promise<Exclude<T, false | undefined>> {
  let last: unknown;
  for (const deadlineMs = systemClock.monotonic() + PATIENCE_MS; systemClock.monotonic() < deadlineMs; ) {
    try {
      const answer = await probe();
      if (answer !== undefined && answer !== false) return answer as Exclude<T, false | undefined>;
      last = undefined;
    } catch (error) {
      last = error;
    }
    await sleep(systemClock, 100);
  }
  throw new Error(`within ${PATIENCE_MS / 1_000} s it did not come that ${what}`, { cause: last });
}

const POOLS = ['10.42.0.0/16', 'fd00:42::/56'];

/** Node `N`'s part: a block of each family, `10.42.N.0/26` and `fd00:42::N00/122`. */
export function bgpOf({ number }: Member, sessions: readonly BgpSessionIr[], more: Partial<BgpIr> = {}): BgpIr {
  const blocks = [`10.42.${number}.0/26`, `fd00:42::${number}00/122`];
  return {
    asNumber: 64_512,
    routerId: `192.0.2.${number}`,
    listenPort: 179,
    gracefulRestartSeconds: 120,
    announced: blocks.map((cidr) => ({ cidr, communities: [] })),
    own: blocks,
    podCidrs: POOLS,
    sessions,
    ...more,
  };
}

/** One of each family, to `far`. */
export function sessionsTo(
  near: Member,
  far: Member,
  asNumber: number,
  more: Partial<BgpSessionIr> = {},
): BgpSessionIr[] {
  return [
    [`192.0.2.${near.number}`, `192.0.2.${far.number}`] as const,
    [`2001:db8::${near.number}`, `2001:db8::${far.number}`] as const,
  ].map(([localAddress, address]) => {
    const hops = asNumber === 64_512 ? 255 : 1;
    return { peer: 'router', address, port: 179, asNumber, localAddress, hops, isClient: false, ...more };
  });
}
