import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** The real CoreDNS in a network namespace, with zones of its own; it plays the cluster's DNS, or somebody's. */
export class DnsLab {
  readonly #folder: string;
  readonly #child: ChildProcess;

  private constructor(folder: string, child: ChildProcess) {
    this.#folder = folder;
    this.#child = child;
  }

  /**
   * @param netnsPath undefined: that of the tests.
   * @param zones text of a zone file by its origin, such as `example.test` or `.`.
   */
  static async start(
    netnsPath: string | undefined,
    addresses: readonly string[],
    zones: Readonly<Record<string, string>>,
    port = 53,
  ): Promise<DnsLab> {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'weft-dns-'));
    const blocks = Object.entries(zones).map(([origin, text]) => {
      const file = fileOf(folder, origin);
      writeFileSync(file, text);
      return `${origin}:${port} {\n  bind ${addresses.join(' ')}\n  file ${file} {\n    reload 100ms\n  }\n  errors\n}`;
    });
    writeFileSync(path.join(folder, 'Corefile'), `${blocks.join('\n')}\n`);
    const within = netnsPath === undefined ? [] : ['ip', 'netns', 'exec', path.basename(netnsPath)];
    const [program = '', ...more] = [...within, 'dns-server', '-conf', path.join(folder, 'Corefile')];
    const child = spawn(program, more, { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'] } });
    let log = '';
    const isUp = new Promise<void>((resolve, reject) => {
      const read = (text: Buffer) => {
        log += text.toString();
        if (log.includes('CoreDNS-')) resolve();
      };
      child.stdout.on('data', read);
      child.stderr.on('data', read);
      child.once('exit', () => reject(new Error(`CoreDNS ended: ${log}`)));
    });
    await isUp;
    return new DnsLab(folder, child);
  }

  /** Replaces a zone, whose serial number must be higher than before. */
  write(origin: string, text: string): void {
    writeFileSync(fileOf(this.#folder, origin), text);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.kill()) await once(this.#child, 'exit');
    rmSync(this.#folder, { recursive: true });
  }
}

function fileOf(folder: string, origin: string): string {
  return path.join(folder, `${origin}zone`);
}

/** What programs in the namespace find in /etc/resolv.conf; give it back by calling the answer. */
export function resolveBy(netnsPath: string, text: string): () => void {
  const folder = path.join('/etc/netns', path.basename(netnsPath));
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'resolv.conf'), text);
  return () => rmSync(folder, { recursive: true });
}
