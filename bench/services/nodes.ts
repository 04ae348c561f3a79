import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import path from 'node:path';
import { run } from '../../lab/setup/shell.ts';
import type { Netns } from '../../src/agent/dataplane/netns.ts';
import { wirePod } from '../../src/agent/dataplane/pod-link.ts';
import { applySysctls, FORWARDING } from '../../src/agent/dataplane/sysctl.ts';
import type { NetnsLab } from '../../test/dataplane/netns-lab.ts';
import { CLIENT, PORT, SERVERS, TARGET_PORT } from './world.ts';

/** So long a connection after the other is opened for one figure. */
const DIAL_MS = 500;

/** Two pods that serve and one that dials, on one node, without policy. */
export class ServingPods {
  readonly #program: string;
  readonly #client: string;
  readonly #servers: readonly ChildProcess[];
  /** Of all connections so far; none should be refused. */
  opened = 0;
  refused = 0;

  private constructor(program: string, client: string, servers: readonly ChildProcess[]) {
    this.#program = program;
    this.#client = client;
    this.#servers = servers;
  }

  static start(lab: NetnsLab, node: Netns, name: string, program: string): ServingPods {
    applySysctls(node, FORWARDING);
    const [client = '', ...servers] = [CLIENT, ...SERVERS].map((address, index) => {
      const netnsPath = lab.add(`${name}-${index}`);
      const hostInterface = `weft${name.slice(0, 6)}${index}`;
      wirePod(node, { netnsPath, ifname: 'eth0', hostInterface, addresses: [address], mtu: 1450 });
      return netnsPath;
    });
    const processes = servers.map((netns) =>
      spawn('nsenter', [`--net=${netns}`, program, 'serve', String(TARGET_PORT)], { stdio: 'inherit' }),
    );
    return new ServingPods(program, client, processes);
  }

  /** Connections a second to these addresses, in turn. */
  async rate(addresses: readonly string[]): Promise<number> {
    const dial = [this.#program, 'dial', String(DIAL_MS), String(PORT), ...addresses];
    const { stdout } = await run('nsenter', [`--net=${this.#client}`, ...dial]);
    const [opened = 0, nanoseconds = 0, refused = 0] = stdout.trim().split(' ').map(Number);
    this.opened += opened;
    this.refused += refused;
    return opened / (nanoseconds / 1e9);
  }

  stop(): void {
    for (const server of this.#servers) server.kill();
  }
}

export function buildConnections(folder: string): string {
  const program = path.join(folder, 'connections');
  execFileSync('gcc', ['-O2', '-static', '-o', program, path.join(import.meta.dirname, 'connections.c')]);
  return program;
}

/** Tells when nf_tables of a network namespace changed, by the kernel's own announcement. */
export class TableChanges {
  readonly #monitor: ChildProcess;
  #firstMs: number | undefined;

  constructor(netnsPath: string) {
    this.#monitor = spawn('nsenter', [`--net=${netnsPath}`, 'nft', 'monitor', 'elements'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#monitor.stdout?.on('data', (text: Buffer) => {
      if (text.includes(0x0a)) this.#firstMs ??= performance.now();
    });
  }

  /** From here on. */
  mark(): void {
    this.#firstMs = undefined;
  }

  /** When the first change after the last `mark` was seen, if any was; milliseconds, as `performance.now`. */
  get firstMs(): number | undefined {
    return this.#firstMs;
  }

  stop(): void {
    this.#monitor.kill();
  }
}
