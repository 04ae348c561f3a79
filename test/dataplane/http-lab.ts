import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import type { DnsQuestions } from './dns-client.ts';
import type { HttpAnswer, HttpManners, HttpRequest } from './http-host.ts';

/** Starts a program in a network namespace as a user. */
export function spawnIn(
  netnsPath: string,
  uid: number,
  program: readonly string[],
  ipc: boolean,
  env: Readonly<Record<string, string>> = {},
): ChildProcess {
  const as = ['setpriv', `--reuid=${uid}`, '--clear-groups', ...program];
  return spawn('ip', ['netns', 'exec', path.basename(netnsPath), ...as], {
    stdio: ipc ? ['ignore', 'inherit', 'inherit', 'ipc'] : ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], ...env },
  });
}

/** A process in a network namespace that speaks HTTP. */
export class Http {
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

  static async start(netnsPath: string, uid: number): Promise<Http> {
    const child = spawnIn(netnsPath, uid, [process.execPath, path.join(import.meta.dirname, 'http-host.ts')], true);
    const http = new Http(child);
    await new Promise((resolve, reject) => {
      http.#waiting.set(0, resolve);
      child.once('exit', (code) => reject(new Error(`the HTTP process in ${netnsPath} ended with ${code}`)));
    });
    return http;
  }

  async serve(port: number, name: string): Promise<void> {
    await this.#ask({ what: 'serve', port, name });
  }

  /** From now on. */
  async answerWith(port: number, manners: HttpManners): Promise<void> {
    await this.#ask({ what: 'manners', port, manners });
  }

  async get(url: string, headers: Readonly<Record<string, string>> = {}, method = 'GET'): Promise<HttpAnswer> {
    return (await this.#ask({ what: 'get', url, headers, method })) as HttpAnswer;
  }

  /** The address for each question, or why there is none; all are asked from one socket. */
  async resolve(server: string, questions: DnsQuestions['questions']): Promise<readonly string[]> {
    return (await this.#ask({ what: 'resolve', server, questions })) as readonly string[];
  }

  /** Says that to whoever connects, and then what it hears. */
  async greet(port: number, greeting: string): Promise<void> {
    await this.#ask({ what: 'greet', port, greeting });
  }

  /** What a connection hears first, or after `say`; empty when it hears nothing for 5 s. */
  async dial(host: string, port: number, say = ''): Promise<string> {
    return (await this.#ask({ what: 'dial', host, port, say })) as string;
  }

  stop(): void {
    this.#child.disconnect();
  }

  #ask(request: HttpRequest): Promise<unknown> {
    const id = this.#next++;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#child.send({ id, request });
    });
  }
}
