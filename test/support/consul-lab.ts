import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { BIN } from '../../lab/setup/paths.ts';
import { sleep, systemClock } from '../../src/lib/clock.ts';
import type { SelfSigned } from './self-signed.ts';

export interface ConsulInstance {
  readonly id: string;
  readonly address: string;
  readonly port?: number;
  readonly tags?: readonly string[];
  readonly meta?: Readonly<Record<string, string>>;
  readonly weight?: number;
  readonly zone?: string;
  readonly health?: ConsulHealth;
}

export type ConsulHealth = 'passing' | 'warning' | 'critical';

export const MANAGEMENT = '00000000-0000-0000-0000-00000000000a';
const START_MS = 30_000;

/** The real Consul, one server with access control; what it knows outlives it, as its folder does. */
export class ConsulLab {
  readonly url: string;
  readonly #folder: string;
  #child: ChildProcess | undefined;
  readonly #arguments: readonly string[];

  private constructor(address: string, port: number, tls: SelfSigned | undefined) {
    this.url = `http://${address}:${port}`;
    this.#folder = mkdtempSync(path.join(os.tmpdir(), 'weft-consul-'));
    const config = {
      ...{ server: true, bootstrap: true, datacenter: 'dc1', node_name: 'lab', bind_addr: '127.0.0.1' },
      ...{ client_addr: address, data_dir: this.#folder, log_level: 'warn', disable_update_check: true },
      ports: {
        ...{ http: port, dns: -1, grpc: -1, grpc_tls: -1 },
        ...{ server: port + 1, serf_lan: port + 2, serf_wan: port + 3 },
        https: tls === undefined ? -1 : port + 4,
      },
      ...(tls === undefined ? {} : { tls: { https: { cert_file: tls.certificateFile, key_file: tls.keyFile } } }),
      performance: { raft_multiplier: 1 },
      acl: {
        ...{ enabled: true, default_policy: 'deny' },
        tokens: { initial_management: MANAGEMENT, agent: MANAGEMENT, default: MANAGEMENT },
      },
    };
    const file = path.join(this.#folder, 'consul.json');
    writeFileSync(file, JSON.stringify(config));
    this.#arguments = ['agent', '-config-file', file];
  }

  /** @param tls what it shows at the port that is higher by 4; absent: nobody listens there. */
  static async start(port: number, address = '127.0.0.1', tls?: SelfSigned): Promise<ConsulLab> {
    const lab = new ConsulLab(address, port, tls);
    await lab.start();
    return lab;
  }

  async start(): Promise<void> {
    const child = spawn(path.join(BIN, 'consul'), this.#arguments, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    let log = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (log += text.toString()));
    const deadline = systemClock.monotonic() + START_MS;
    while (!(await this.#isUp())) {
      if (child.exitCode !== null || systemClock.monotonic() > deadline) {
        await this.close();
        throw new Error(`Consul does not answer:\n${log}`);
      }
      await sleep(systemClock, 100);
    }
  }

  /** As a machine of its own, which no agent looks after. */
  async register(service: string, instance: ConsulInstance): Promise<void> {
    const { id, address, port = 8080, tags = [], meta = {}, weight = 1, zone, health = 'passing' } = instance;
    await this.call('PUT', '/v1/catalog/register', {
      ...{ Node: `node-${id}`, Address: '192.0.2.99', SkipNodeUpdate: false },
      Service: {
        ...{ ID: id, Service: service, Address: address, Port: port, Tags: tags, Meta: meta },
        Weights: { Passing: weight, Warning: 1 },
        ...(zone === undefined ? {} : { Locality: { Region: 'lab', Zone: zone } }),
      },
      Check: { CheckID: `check-${id}`, Name: 'health', Status: health, ServiceID: id },
    });
  }

  async deregister(id: string): Promise<void> {
    await this.call('PUT', '/v1/catalog/deregister', { Node: `node-${id}` });
  }

  /** A token with these rights, by its secret. */
  async createToken(rules: string): Promise<string> {
    const policy = (await this.call('PUT', '/v1/acl/policy', { Name: `p-${rules.length}`, Rules: rules })) as {
      ID: string;
    };
    const token = await this.call('PUT', '/v1/acl/token', { Policies: [{ ID: policy.ID }] });
    return (token as { SecretID: string }).SecretID;
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child !== undefined && child.exitCode === null && child.kill('SIGKILL')) await once(child, 'exit');
  }

  async close(): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async call(method: string, at: string, body?: object): Promise<unknown> {
    const answer = await fetch(`${this.url}${at}`, {
      method,
      headers: { 'x-consul-token': MANAGEMENT },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${at}: ${answer.status} ${text}`);
    return JSON.parse(text);
  }

  async #isUp(): Promise<boolean> {
    try {
      return (await this.call('GET', '/v1/status/leader')) !== '' && (await this.call('GET', '/v1/acl/tokens')) !== '';
    } catch {
      return false;
    }
  }
}
