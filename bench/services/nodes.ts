import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import path from 'node:path';
import { run } from '../../lab/setup/shell.ts';
import type { Netns } from '../../src/agent/dataplane/netns.ts';
import { Inspector } from '../../src/agent/dataplane/nft/inspect.ts';
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

const LOOK_EVERY_MS = 1;

/** Tells when nf_tables of a network namespace changed next, to a millisecond, by the kernel's count of transactions. */
export class TableChanges {
  readonly #inspector: Inspector;
  #generation = 0;
  #timer: NodeJS.Timeout | undefined;
  /** When the first change after the last `mark` was seen, if any was; milliseconds, as `performance.now`. */
  firstMs: number | undefined;

  constructor(node: Netns) {
    this.#inspector = node.run(() => new Inspector());
  }

  /** From here on. */
  mark(): void {
    this.#generation = this.#inspector.generation();
    this.firstMs = undefined;
    const look = () => {
      if (this.#inspector.generation() !== this.#generation) this.firstMs = performance.now();
      else this.#timer = setTimeout(look, LOOK_EVERY_MS);
    };
    look();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#inspector.close();
  }
}
