import { type ChildProcess, fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { type ClusterConfig, stateOf } from '../../lab/cluster/config.ts';
import { until } from '../../lab/setup/shell.ts';
import { authorityInSecret, publishTrust } from '../../src/cmd/authority-store.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { ensureAuthority } from '../../src/pki/authority.ts';
import type { AgentsFile, AgentsState, Expected } from './agents-host.ts';
import type { EndpointsSeen, ExpectedEndpoints } from './endpoints-seen.ts';
import { type FilledNode, SYSTEM } from './fill.ts';
import type { ExpectedPod, PodSeen } from './new-pod.ts';
import { AGENT_PORT, TRUST_DOMAIN } from './operator.ts';

/** Of one process. */
const MOST_AGENTS = 250;
/** No update for this long: the nodes have what there is. */
const QUIET_MS = 5_000;

export interface SimulatedAgents {
  /** The processes that they are in. */
  readonly pids: readonly number[];
  /** Resources that all nodes hold, summed up. */
  resources(): number;
  /**
   * Resolves with when the last update came, milliseconds since the epoch: when all nodes lack nothing, something was
   * told after `sinceMs`, and nothing more comes.
   */
  inStep(sinceMs: number): Promise<number>;
  /** Resolves when all agents look out for the pod. */
  expectPod(pod: ExpectedPod): Promise<void>;
  /** What all have seen so far of the pod expected last; some of it half a second ago. */
  podSeen(): PodSeen;
  /** Resolves when all agents look out for the change. */
  expectEndpoints(change: ExpectedEndpoints): Promise<void>;
  /** What each process has seen of the change expected last. */
  endpointsSeen(): readonly EndpointsSeen[];
  stop(): void;
}

/** AgentServers for all nodes, in as many processes as they need. */
export async function startAgents(
  config: ClusterConfig,
  api: KubeClient,
  nodes: readonly FilledNode[],
): Promise<SimulatedAgents> {
  const authority = await ensureAuthority(authorityInSecret(api, SYSTEM), systemClock);
  await publishTrust(api, SYSTEM, authority.rootCertificatePem, new AbortController().signal);
  const hosts = Array.from({ length: Math.ceil(nodes.length / MOST_AGENTS) }, (_, index) => {
    const file: AgentsFile = {
      ...{ trustDomain: TRUST_DOMAIN, trustBundlePem: authority.rootCertificatePem, port: AGENT_PORT },
      agents: nodes.slice(index * MOST_AGENTS, (index + 1) * MOST_AGENTS),
    };
    return new AgentsHost(path.join(stateOf(config), `agents-${index}.json`), file);
  });
  const states = () => hosts.map((host) => host.state());
  const sum = (value: (state: AgentsState) => number) => states().reduce((total, state) => total + value(state), 0);
  await until('the simulated agents listen', 60_000, async () => states());
  const podSeen = (): PodSeen => {
    const pods = states().flatMap(({ pod }) => (pod === undefined ? [] : [pod]));
    const [first, ...others] = pods;
    const isSame = pods.length === hosts.length && others.every(({ name }) => name === first?.name);
    const { toldMs, knownMs } = pods.find((pod) => pod.toldMs !== undefined) ?? {};
    return {
      name: isSame ? (first?.name ?? '') : '',
      ...(toldMs === undefined ? {} : { toldMs }),
      ...(knownMs === undefined ? {} : { knownMs }),
      holders: pods.flatMap(({ holders }) => holders),
    };
  };
  const endpointsSeen = () => states().flatMap(({ endpoints }) => (endpoints === undefined ? [] : [endpoints]));
  return {
    pids: hosts.map(({ pid }) => pid),
    resources: () => sum(({ resources }) => resources),
    inStep: (sinceMs) =>
      until('all simulated nodes are in step', 600_000, async () => {
        const lastUpdateMs = Math.max(...states().map((state) => state.lastUpdateMs));
        const isQuiet = lastUpdateMs > sinceMs && Date.now() - lastUpdateMs > QUIET_MS;
        return sum(({ inStep }) => inStep) === nodes.length && isQuiet ? lastUpdateMs : undefined;
      }),
    async expectPod(pod) {
      for (const host of hosts) host.expect({ pod });
      await until(`the agents expect pod ${pod.name}`, 10_000, async () =>
        podSeen().name === pod.name ? true : undefined,
      );
    },
    podSeen,
    async expectEndpoints(endpoints) {
      for (const host of hosts) host.expect({ endpoints });
      await until(`the agents expect ${endpoints.key}`, 10_000, async () =>
        endpointsSeen().every(
          (seen) => seen.key === endpoints.key && seen.endpoints === endpoints.endpoints && seen.nodes === 0,
        )
          ? true
          : undefined,
      );
    },
    endpointsSeen,
    stop: () => {
      for (const host of hosts) host.stop();
    },
  };
}

/** One process of agents, from outside. */
class AgentsHost {
  readonly #child: ChildProcess;
  #state: AgentsState | undefined;

  constructor(file: string, content: AgentsFile) {
    writeFileSync(file, JSON.stringify(content), { mode: 0o600 });
    this.#child = fork(path.join(import.meta.dirname, 'agents-host.ts'), [file]);
    this.#child.on('message', (said: AgentsState) => {
      this.#state = said;
    });
  }

  /** @throws before it listens, and when it has ended. */
  state(): AgentsState {
    const { exitCode, signalCode } = this.#child;
    if (exitCode !== null || signalCode !== null) throw new Error(`simulated agents ended: ${exitCode ?? signalCode}`);
    if (this.#state === undefined) throw new Error('the simulated agents do not listen yet');
    return this.#state;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  expect(expected: Expected): void {
    this.#child.send(expected);
  }

  stop(): void {
    if (this.#child.connected) this.#child.disconnect();
  }
}
