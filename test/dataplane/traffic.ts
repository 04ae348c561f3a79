import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';

export type TrafficRequest =
  | { readonly what: 'listenUdp' | 'heardUdp'; readonly port: number }
  | { readonly what: 'listenTcp'; readonly port: number; readonly name?: string | undefined }
  | { readonly what: 'dial'; readonly address: string; readonly port: number; readonly waitMs: number }
  | { readonly what: 'talk' | 'hear'; readonly connection: number; readonly waitMs: number }
  | { readonly what: 'hangUp'; readonly connection: number }
  | { readonly what: 'speakFromServer' }
  | {
      readonly what: 'sendUdp';
      readonly address: string;
      readonly port: number;
      readonly text: string;
      readonly from?: string | undefined;
      readonly fromPort?: number | undefined;
    };

/** How long a drop is waited for: a SYN's first retransmission comes after 1 s, so it is not part of it. */
const SILENCE_MS = 600;

/** A process in a network namespace that talks and listens there. */
export class Traffic {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (result: unknown) => void>();
  #next = 1;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', ({ id, result }: { id: number; result: unknown }) => {
      this.#waiting.get(id)?.(result);
      this.#waiting.delete(id);
    });
  }

  /** @param uid whom the process runs as; without it root. */
  static async start(netnsPath: string, uid?: number): Promise<Traffic> {
    const program = [process.execPath, path.join(import.meta.dirname, 'traffic-host.ts')];
    const as = uid === undefined ? [] : ['setpriv', `--reuid=${uid}`, '--clear-groups'];
    const child = spawn('ip', ['netns', 'exec', path.basename(netnsPath), ...as, ...program], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { PATH: process.env['PATH'] },
    });
    const traffic = new Traffic(child);
    await new Promise((resolve, reject) => {
      traffic.#waiting.set(0, resolve);
      child.once('exit', (code) => reject(new Error(`the traffic process in ${netnsPath} ended with ${code}`)));
    });
    return traffic;
  }

  /** @param name what the server answers instead of who asks. */
  listenTcp(port: number, name?: string): Promise<unknown> {
    return this.#ask({ what: 'listenTcp', port, name });
  }

  /** A connection to talk on, or the error's code, or `silence`. */
  dial(address: string, port: number, waitMs = SILENCE_MS): Promise<unknown> {
    return this.#ask({ what: 'dial', address, port, waitMs });
  }

  /** The server's answer, `you are ADDRESS;`, or `silence`. */
  talk(connection: unknown, waitMs = SILENCE_MS): Promise<unknown> {
    return this.#ask({ what: 'talk', connection: Number(connection), waitMs });
  }

  hear(connection: unknown, waitMs = SILENCE_MS): Promise<unknown> {
    return this.#ask({ what: 'hear', connection: Number(connection), waitMs });
  }

  /** Closes it from here; the server closes its side too. */
  hangUp(connection: unknown): Promise<unknown> {
    return this.#ask({ what: 'hangUp', connection: Number(connection) });
  }

  /** What a new connection is answered; the error's code, or `silence`. */
  async answerOf(address: string, port: number): Promise<unknown> {
    const connection = await this.dial(address, port);
    return typeof connection === 'number' ? this.talk(connection) : connection;
  }

  /** Whether a new connection is answered. */
  async reaches(address: string, port: number): Promise<boolean> {
    return String(await this.answerOf(address, port)).startsWith('you are');
  }

  speakFromServer(): Promise<unknown> {
    return this.#ask({ what: 'speakFromServer' });
  }

  listenUdp(port: number): Promise<unknown> {
    return this.#ask({ what: 'listenUdp', port });
  }

  sendUdp(address: string, port: number, text: string, from?: string, fromPort?: number): Promise<unknown> {
    return this.#ask({ what: 'sendUdp', address, port, text, from, fromPort });
  }

  heardUdp(port: number): Promise<unknown> {
    return this.#ask({ what: 'heardUdp', port });
  }

  async stop(): Promise<void> {
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill();
    await gone;
  }

  #ask(request: TrafficRequest): Promise<unknown> {
    const id = this.#next;
    this.#next += 1;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#child.send({ id, request });
    });
  }
}
