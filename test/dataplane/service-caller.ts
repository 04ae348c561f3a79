import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';

export type CallerRequest =
  | { readonly what: 'names'; readonly address: string; readonly port: number; readonly count: number }
  | {
      readonly what: 'sendUdp';
      readonly flow: string;
      readonly address: string;
      readonly port: number;
      readonly text: string;
    };

/** A process in a network namespace that makes many connections, or UDP flows that last. */
export class Caller {
  readonly #child: ChildProcess;
  #answer: (result: unknown) => void = () => undefined;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (result) => this.#answer(result));
  }

  static async start(netnsPath: string): Promise<Caller> {
    const program = [process.execPath, path.join(import.meta.dirname, 'service-caller-host.ts')];
    const child = spawn('ip', ['netns', 'exec', path.basename(netnsPath), ...program], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { PATH: process.env['PATH'] },
    });
    const caller = new Caller(child);
    await new Promise((resolve) => (caller.#answer = resolve));
    return caller;
  }

  /** Of `count` new connections: how many each server got, by what it answered; errors by their code. */
  async names(address: string, port: number, count: number): Promise<ReadonlyMap<string, number>> {
    const answers = (await this.#ask({ what: 'names', address, port, count })) as readonly string[];
    return new Map([...Map.groupBy(answers, (name) => name)].map(([name, all]) => [name, all.length]));
  }

  /** Sends on a flow of that name, the same source port each time; `ECONNREFUSED` when that is said soon, else `sent`. */
  sendUdp(flow: string, address: string, port: number, text: string): Promise<unknown> {
    return this.#ask({ what: 'sendUdp', flow, address, port, text });
  }

  async stop(): Promise<void> {
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill();
    await gone;
  }

  #ask(request: CallerRequest): Promise<unknown> {
    return new Promise((resolve) => {
      this.#answer = resolve;
      this.#child.send(request);
    });
  }
}
