import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type AgentMode, type AnyResource, WeftNode } from '../../bench/cni/weft-node.ts';
import { BIN } from '../../lab/setup/paths.ts';
import type { NodeIr, PodIr, PoolIr } from '../../src/model/node/ir.ts';
import { NetnsLab } from './netns-lab.ts';
import { Traffic } from './traffic.ts';

export const AGENT_NODE = '192.0.2.1';
export const AGENT_OUTSIDE = '192.0.2.9';

export const AGENT_POOL: PoolIr = {
  ...{ name: 'pods', uid: 'p', cidr: '10.42.0.0/16', encapsulation: 'VXLAN', natOutgoing: true },
  ...{ disabled: false, reserved: [], isCommon: true },
};

export interface CniAnswer {
  /** Of the error; 0 for success. */
  readonly code: number;
  readonly msg?: string;
  readonly ips?: readonly { readonly address: string }[];
  readonly interfaces?: readonly { readonly name: string; readonly sandbox?: string }[];
}

/** A node with a real agent, called through the real shim as a runtime does, and a machine outside of it. */
export class AgentLab {
  readonly lab = new NetnsLab();
  readonly folder = mkdtempSync(path.join(os.tmpdir(), 'weft-t-agent-'));
  readonly #traffic: Traffic[] = [];
  readonly #namespaces = new Map<string, string>();
  #node: WeftNode | undefined;

  get node(): WeftNode {
    if (this.#node === undefined) throw new Error('call start first');
    return this.#node;
  }

  async start(pools: readonly PoolIr[] = [AGENT_POOL], mode: AgentMode = 'primary'): Promise<void> {
    this.#node = await WeftNode.start(this.lab, 'node', AGENT_NODE, this.folder, mode);
    const self: NodeIr = {
      ...{ name: 'node', uid: 'node-uid', address: AGENT_NODE, addresses: [AGENT_NODE] },
      ...{ tunnelAddresses: ['10.42.0.0'], trustDomain: 'cluster.local', trustBundlePem: '' },
    };
    const resources = pools.flatMap((pool): AnyResource[] => {
      const cidr = blockOf(pool);
      return [
        ['pool', pool.name, pool],
        ['block', cidr, { uid: cidr, cidr, pool: pool.name, poolUid: pool.uid }],
      ];
    });
    await this.node.put([['node', 'self', self], ...resources]);
    this.lab.ip(this.outsidePath, 'link', 'set', 'eth0', 'up');
    this.lab.ip(this.outsidePath, 'address', 'add', `${AGENT_OUTSIDE}/24`, 'dev', 'eth0');
  }

  get outsidePath(): string {
    return `${this.node.netnsPath}-out`;
  }

  /** Tells the agent of a pod. Its namespace is made with the first call for its name. */
  async tell(name: string, more: Partial<PodIr> = {}): Promise<void> {
    const pod = { ...this.podOf(name), ...more };
    await this.node.put([['pod', pod.uid, pod]]);
  }

  /** As the operator has it. */
  podOf(name: string): PodIr {
    const addressing = { pools: ['pods'], families: [4 as const], fixed: [] };
    return { ...this.#podOf(name), serviceAccount: name, addresses: [], addressing };
  }

  netnsOf(name: string): string {
    const path = this.#namespaces.get(name) ?? this.lab.add(name);
    this.#namespaces.set(name, path);
    return path;
  }

  /** The call of a runtime that starts the pod. */
  job(name: string): ReturnType<WeftNode['job']> {
    return this.node.job('ADD', this.#podOf(name), this.netnsOf(name));
  }

  cni(command: 'ADD' | 'DEL' | 'CHECK', name: string, config: object = {}): CniAnswer {
    const { program, input, variables } = this.job(name);
    return answerOf(
      program,
      [],
      { ...variables, CNI_COMMAND: command },
      { ...(JSON.parse(input) as object), ...config },
    );
  }

  /** The CNI library's own command, for the network of that name in the node's configuration folder. */
  cnitool(verb: 'add' | 'check' | 'del', network: string, name: string): CniAnswer {
    const { variables } = this.job(name);
    const args = [`--net=${this.node.netnsPath}`, path.join(BIN, 'cnitool'), verb, network, this.netnsOf(name)];
    return answerOf('nsenter', args, {
      CNI_ARGS: variables['CNI_ARGS'],
      CNI_PATH: [BIN, path.join(this.folder, 'programs')].join(':'),
      NETCONFPATH: path.join(this.folder, 'net.d'),
    });
  }

  async traffic(netnsPath: string): Promise<Traffic> {
    const traffic = await Traffic.start(netnsPath);
    this.#traffic.push(traffic);
    return traffic;
  }

  /** What a command prints in the node's namespace. */
  onNode(...command: string[]): string {
    const run = spawnSync('nsenter', [`--net=${this.node.netnsPath}`, ...command], { encoding: 'utf8' });
    if (run.status !== 0) throw new Error(`${command.join(' ')}: ${run.stderr}`);
    return run.stdout;
  }

  async close(): Promise<void> {
    for (const traffic of this.#traffic) await traffic.stop();
    await this.#node?.stop();
    this.lab.close();
    rmSync(this.folder, { recursive: true });
  }

  #podOf(name: string): Pick<PodIr, 'uid' | 'namespace' | 'name'> {
    return { uid: `uid-${name}`, namespace: 'shop', name };
  }
}

/** Within eight seconds. */
export async function eventually(what: () => Promise<boolean>): Promise<boolean> {
  for (let attempt = 0; attempt < 40; attempt += 1) {
    if (await what()) return true;
    await new Promise((wake) => setTimeout(wake, 200));
  }
  return false;
}

/** The first of the pool. */
function blockOf({ cidr }: PoolIr): string {
  return cidr.replace(/\/\d+$/, cidr.includes(':') ? '/122' : '/26');
}

function answerOf(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  input: object = {},
): CniAnswer {
  const run = spawnSync(program, args, { input: JSON.stringify(input), env, encoding: 'utf8' });
  if (run.error !== undefined) throw run.error;
  const answer = run.stdout.startsWith('{') ? (JSON.parse(run.stdout) as Partial<CniAnswer>) : {};
  return { code: run.status === 0 ? 0 : -1, ...(run.status === 0 ? {} : { msg: run.stderr }), ...answer };
}
