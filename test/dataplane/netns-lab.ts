import { spawnSync } from 'node:child_process';
import { Netns } from '../../src/agent/dataplane/netns.ts';

let labs = 0;

/** Network namespaces, named so that they meet nobody else's, and gone after `close`. */
export class NetnsLab {
  readonly #made: string[] = [];
  readonly #open: Netns[] = [];
  readonly #prefix = `weft-t-${process.pid}-${labs++}-`;

  /** A new namespace; its path. */
  add(name: string): string {
    const full = this.#prefix + name;
    run('ip', 'netns', 'add', full);
    this.#made.push(full);
    return `/run/netns/${full}`;
  }

  /** A new namespace that plays a node: loopback up, forwarding off as on a fresh machine. */
  addNode(name: string): Netns {
    const node = Netns.open(this.add(name));
    this.#open.push(node);
    this.ip(node.path, 'link', 'set', 'lo', 'up');
    return node;
  }

  /** Runs `ip …` in a namespace; what it printed. */
  ip(netnsPath: string, ...args: string[]): string {
    return run('ip', '-n', nameOf(netnsPath), ...args);
  }

  /** True when one echo request from the namespace is answered within two seconds. Needs no second try. */
  pings(netnsPath: string, address: string, ...args: string[]): boolean {
    return spawnSync('ip', ['netns', 'exec', nameOf(netnsPath), 'ping', '-c1', '-W2', ...args, address]).status === 0;
  }

  remove(netnsPath: string): void {
    const name = nameOf(netnsPath);
    this.#made.splice(this.#made.indexOf(name), 1);
    run('ip', 'netns', 'del', name);
  }

  close(): void {
    for (const netns of this.#open.splice(0)) netns.close();
    for (const name of this.#made.splice(0)) run('ip', 'netns', 'del', name);
  }
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function run(command: string, ...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw error ?? new Error(`${command} ${args.join(' ')}: ${stderr}`);
  return stdout;
}
