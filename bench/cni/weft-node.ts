import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { ROOT } from '../../lab/setup/paths.ts';
import type { PodIr, ResourceBodies, ResourceKind } from '../../src/model/node/ir.ts';
import { encodeUpdate } from '../../src/stream/encode-update.ts';
import type { NetnsLab } from '../../test/dataplane/netns-lab.ts';
import type { Job } from './timed-exec.ts';

export interface AgentRequest {
  /** weft.node.v1.OperatorMessage with an update, base64; absent: take Weft off the node. */
  readonly update?: string;
}

/** `chained`: behind another CNI. */
export type AgentMode = 'primary' | 'chained';

export interface AgentAnswer {
  readonly wallMs: number;
  /** Of the whole process meanwhile, its pool threads too. */
  readonly cpuMs: number;
  /** What is not in force. */
  readonly problems: readonly string[];
}

export type AnyResource = {
  [K in ResourceKind]: readonly [kind: K, key: string, body: ResourceBodies[K]];
}[ResourceKind];
export type AnyResourceRef = readonly [kind: ResourceKind, key: string];

/** A node in a network namespace of its own, with a network device, a real agent and the real shim. */
export class WeftNode {
  readonly netnsPath: string;
  #child: ChildProcess;
  readonly #folder: string;
  readonly #shim: string;
  readonly #mode: AgentMode;
  #seq = 0;

  private constructor(netnsPath: string, folder: string, shim: string, mode: AgentMode) {
    this.netnsPath = netnsPath;
    this.#folder = folder;
    this.#mode = mode;
    this.#child = startAgent(netnsPath, folder, shim, mode);
    this.#shim = shim;
  }

  /** @param folder becomes the node's: socket, journal, programs. */
  static async start(
    lab: NetnsLab,
    name: string,
    address: string,
    folder: string,
    mode: AgentMode = 'primary',
  ): Promise<WeftNode> {
    mkdirSync(folder, { recursive: true });
    const netnsPath = lab.addNode(name).path;
    const outside = path.basename(lab.add(`${name}-out`));
    lab.ip(netnsPath, ...['link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', outside]);
    lab.ip(netnsPath, 'link', 'set', 'eth0', 'up');
    lab.ip(netnsPath, 'address', 'add', `${address}/24`, 'dev', 'eth0');
    const shim = buildShim(folder);
    const node = new WeftNode(netnsPath, folder, shim, mode);
    await node.#answer();
    return node;
  }

  /** Has the agent apply an update as an operator sends it (`encodeUpdate`). @throws when not all of it is in force. */
  async apply(update: Uint8Array): Promise<AgentAnswer> {
    const request: AgentRequest = { update: Buffer.from(update).toString('base64') };
    this.#child.send(request);
    const answer = await this.#answer();
    if (answer.problems.length > 0) throw new Error(`the agent refuses ${answer.problems.slice(0, 3).join('; ')}`);
    return answer;
  }

  /** Takes Weft off the node; why it cannot. */
  async teardown(): Promise<readonly string[]> {
    this.#child.send({} satisfies AgentRequest);
    return (await this.#answer()).problems;
  }

  /** As `apply`, of resources by kind, key and body. */
  put(upserts: readonly AnyResource[], removals: readonly AnyResourceRef[] = []): Promise<AgentAnswer> {
    this.#seq += 1;
    return this.apply(
      encodeUpdate({
        seq: this.#seq,
        watermark: {},
        contents: {},
        upserts: upserts.map(([kind, key, body]) => {
          return { kind, key, version: String(this.#seq), body: Buffer.from(JSON.stringify(body)) };
        }),
        removals: removals.map(([kind, key]) => ({ kind, key })),
        setPatches: [],
        settled: [],
        syncDone: true,
      }),
    );
  }

  /** The runtime's call for the pod in `netnsPath`; each pod has one container, named by its uid. */
  job(command: 'ADD' | 'DEL', pod: Pick<PodIr, 'uid' | 'namespace' | 'name'>, netnsPath: string): Job {
    const { uid, namespace, name } = pod;
    return {
      program: this.#shim,
      input: JSON.stringify({ cniVersion: '1.0.0', name: 'weft', type: 'weft' }),
      variables: {
        CNI_COMMAND: command,
        CNI_CONTAINERID: uid,
        CNI_NETNS: netnsPath,
        CNI_IFNAME: 'eth0',
        CNI_PATH: path.dirname(this.#shim),
        CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=${namespace};K8S_POD_NAME=${name};K8S_POD_UID=${uid}`,
      },
    };
  }

  /** What runs on the node keeps its network. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.disconnect();
    await ended;
  }

  /** In the middle of whatever it does. */
  async kill(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await ended;
  }

  /** The agent ends; another one goes on from what is on disk. */
  async restart(): Promise<void> {
    await this.stop();
    this.#child = startAgent(this.netnsPath, this.#folder, this.#shim, this.#mode);
    await this.#answer();
  }

  #answer(): Promise<AgentAnswer> {
    return new Promise((resolve, reject) => {
      const ended = (code: number | null) => reject(new Error(`the agent of ${this.netnsPath} ended with ${code}`));
      this.#child.once('exit', ended);
      this.#child.once('message', (answer: AgentAnswer) => {
        this.#child.off('exit', ended);
        resolve(answer);
      });
    });
  }
}

function startAgent(netnsPath: string, folder: string, shim: string, mode: AgentMode): ChildProcess {
  const host = [process.execPath, path.join(import.meta.dirname, 'agent-host.ts'), folder, shim, mode];
  return spawn('nsenter', [`--net=${netnsPath}`, ...host], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
}

/** As scripts/build.ts does, but for this node's socket. */
function buildShim(folder: string): string {
  const shim = path.join(folder, 'weft');
  const socket = `-DWEFT_SOCKET="${path.join(folder, 'run/cni.sock')}"`;
  const state = `-DWEFT_STATE="${path.join(folder, 'state')}"`;
  execFileSync('gcc', ['-Os', '-static', '-s', socket, state, '-o', shim, path.join(ROOT, 'shim/weft-cni.c')]);
  return shim;
}
