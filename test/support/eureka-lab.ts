import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { EUREKA } from '../../lab/setup/eureka.ts';
import { sleep, systemClock } from '../../src/lib/clock.ts';

export interface RegisteredInstance {
  readonly id: string;
  readonly address: string;
  readonly status?: string;
  readonly port?: number;
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * How the server is made to be quick: as it is, deltas hold three minutes and answers come out of caches, the first of
 * which may keep one that a registration has just made old.
 */
const QUICK = {
  'eureka.client.register-with-eureka': 'false',
  'eureka.client.fetch-registry': 'false',
  'eureka.server.wait-time-in-ms-when-sync-empty': '0',
  'eureka.server.use-read-only-response-cache': 'false',
  'eureka.server.response-cache-auto-expiration-in-seconds': '1',
  'eureka.server.retention-time-in-m-s-in-delta-queue': '1000',
  'eureka.server.delta-retention-timer-interval-in-ms': '200',
};
export const DELTA_LIFE_MS = 1_200;
const USER = 'weft';
const START_MS = 60_000;

/** The real Eureka server of Spring Cloud, on the machine's own loopback or wherever it is told to listen. */
export class EurekaLab {
  readonly url: string;
  readonly #password: string | undefined;
  readonly #child: ChildProcess;

  private constructor(url: string, password: string | undefined, child: ChildProcess) {
    this.url = url;
    this.#password = password;
    this.#child = child;
  }

  /** @param password what it asks for, of the user `weft`; undefined: nothing. */
  static async start(port: number, password?: string, address = '127.0.0.1'): Promise<EurekaLab> {
    const settings: Record<string, string> = { ...QUICK, 'server.port': String(port), 'server.address': address };
    if (password !== undefined) {
      settings['spring.security.user.name'] = USER;
      settings['spring.security.user.password'] = password;
    }
    const memory = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xmx160m'];
    const options = Object.entries(settings).map(([key, value]) => `--${key}=${value}`);
    const child = spawn('java', [...memory, '-cp', `${EUREKA}:${EUREKA}/*`, 'EurekaServer', ...options], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let log = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (log += text.toString()));
    const lab = new EurekaLab(`http://${address}:${port}/eureka`, password, child);
    const deadline = systemClock.monotonic() + START_MS;
    while (!(await lab.#isUp())) {
      if (child.exitCode !== null || systemClock.monotonic() > deadline) {
        await lab.stop();
        throw new Error(`the Eureka server does not answer:\n${log}`);
      }
      await sleep(systemClock, 100);
    }
    return lab;
  }

  async register(application: string, { id, address, status = 'UP', port = 8080, metadata = {} }: RegisteredInstance) {
    const instance = {
      ...{ instanceId: id, hostName: id, app: application.toUpperCase(), ipAddr: address, status, metadata },
      port: { $: port, '@enabled': 'true' },
      securePort: { $: 443, '@enabled': 'false' },
      dataCenterInfo: { '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo', name: 'MyOwn' },
    };
    await this.#call('POST', `/apps/${application.toUpperCase()}`, { instance });
  }

  async setStatus(application: string, id: string, status: string): Promise<void> {
    await this.#call('PUT', `/apps/${application.toUpperCase()}/${id}/status?value=${status}`);
  }

  async deregister(application: string, id: string): Promise<void> {
    await this.#call('DELETE', `/apps/${application.toUpperCase()}/${id}`);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.kill('SIGKILL')) await once(this.#child, 'exit');
  }

  async #isUp(): Promise<boolean> {
    try {
      await this.#call('GET', '/apps');
      return true;
    } catch {
      return false;
    }
  }

  async #call(method: string, path: string, body?: object): Promise<void> {
    const basic = Buffer.from(`${USER}:${this.#password}`).toString('base64');
    const answer = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        'content-type': 'application/json',
        ...(this.#password === undefined ? {} : { authorization: `Basic ${basic}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status}`);
  }
}
