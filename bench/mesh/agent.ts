import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { WEFT_ENVIRONMENT } from '../../lab/images/images.ts';
import type { Answer, Ask } from './agent-host.ts';

/** As the image runs it; collections are asked for. */
const FLAGS = ['--max-semi-space-size=4', '--expose-gc'];

/** One agent with its proxies, which are in another process, from outside. */
export class MeasuredAgent {
  readonly #agent: ChildProcess;
  readonly #envoys: ChildProcess;
  #proxies = 0;

  private constructor(services: number) {
    this.#agent = fork(path.join(import.meta.dirname, 'agent-host.ts'), [String(services)], {
      execArgv: FLAGS,
      env: { ...process.env, ...WEFT_ENVIRONMENT },
    });
    this.#envoys = fork(path.join(import.meta.dirname, 'envoys-host.ts'));
  }

  static async start(services: number): Promise<MeasuredAgent> {
    const agent = new MeasuredAgent(services);
    await once(agent.#agent, 'message');
    return agent;
  }

  get pid(): number {
    return this.#agent.pid ?? 0;
  }

  /** Resolves when they have all services. */
  async openProxies(count: number): Promise<void> {
    const { sockets = [] } = await this.ask({ open: count });
    this.#envoys.send(sockets);
    this.#proxies += count;
    await this.ask({ connected: this.#proxies });
  }

  async ask(ask: Ask): Promise<Answer> {
    this.#agent.send(ask);
    const [answer] = (await once(this.#agent, 'message')) as [Answer];
    return answer;
  }

  stop(): void {
    for (const child of [this.#agent, this.#envoys]) if (child.connected) child.disconnect();
  }
}
