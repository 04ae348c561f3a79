import { type ChildProcess, fork } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { kubectl, prepareMachine, stopCluster } from '../../lab/cluster/cluster.ts';
import { API_PORT, apiAddress, type ClusterConfig, stateOf } from '../../lab/cluster/config.ts';
import { startControlPlane } from '../../lab/cluster/control-plane.ts';
import { helm } from '../../lab/cluster/install.ts';
import { createNetwork } from '../../lab/cluster/network.ts';
import { startProcess, stopProcess } from '../../lab/cluster/process.ts';
import { WEFT_ENVIRONMENT } from '../../lab/images/images.ts';
import { ROOT } from '../../lab/setup/paths.ts';
import { step } from '../../lab/setup/progress.ts';
import { until } from '../../lab/setup/shell.ts';
import { buildProduct } from '../../scripts/build.ts';
import { generateWire } from '../../scripts/generate-wire.ts';
import { authorityInSecret, publishTrust } from '../../src/cmd/authority-store.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { ensureAuthority } from '../../src/pki/authority.ts';
import { benchCluster, connect } from '../split/bench-cluster.ts';
import type { AgentsFile, AgentsState } from './agents-host.ts';
import { addPolicies, type FilledNode, fillCluster, requestToken, SYSTEM } from './fill.ts';
import { type MemorySamples, processMB, sampleMemory } from './working-set.ts';
import { NODES } from './world.ts';

export interface OperatorMemory {
  /** From exec until the last of the nodes holds all that it should. */
  readonly inStepMs: number;
  readonly resources: number;
  readonly starting: MemorySamples;
  readonly steady: MemorySamples;
  readonly withPolicies: MemorySamples;
  readonly policiesMs: number;
  readonly resourcesWithPolicies: number;
}

const TRUST_DOMAIN = 'cluster.local';
const PORTS = { agent: 9441, health: 9440, webhook: 9443 } as const;
const SETTLE_S = 30;
const STEADY_S = 60;
/** No update for this long: the nodes have what there is. */
const QUIET_MS = 5_000;

/** The operator as in its image, against a real API server and the agents of simulated nodes. */
export async function measureOperator(): Promise<OperatorMemory> {
  const config = benchCluster([]);
  await generateWire(ROOT);
  await prepareMachine();
  await buildProduct();
  await remove(config);
  try {
    await step('control plane with Weft by its chart', () => startCluster(config));
    const api = connect(config);
    try {
      return await measure(config, api);
    } finally {
      await api.close();
    }
  } finally {
    await remove(config);
  }
}

async function remove(config: ClusterConfig): Promise<void> {
  await stopProcess(stateOf(config), 'operator');
  await stopCluster(config);
}

async function measure(config: ClusterConfig, api: KubeClient): Promise<OperatorMemory> {
  const nodes = await step('10,000 pods, 1,000 services, 200 nodes', () => fillCluster(api), '1 min');
  const agents = await startAgents(config, api, nodes);
  try {
    const startedMs = Date.now();
    const pid = await startOperator(config, api);
    const read = () => processMB(pid);
    const [first, starting] = await step('all nodes in step', () => {
      return Promise.all([agents.inStep(startedMs), sampleMemory(read, SETTLE_S)]);
    });
    const inStepMs = first.lastUpdateMs - startedMs;
    const steady = await step('memory', () => sampleMemory(read, STEADY_S), `${STEADY_S} s`);
    const { resources } = agents.state();
    const policiesFromMs = Date.now();
    await step('1,000 policies', () => addPolicies(api));
    const second = await step('all nodes in step', () => agents.inStep(policiesFromMs));
    const policiesMs = second.lastUpdateMs - policiesFromMs;
    await sampleMemory(read, SETTLE_S);
    const withPolicies = await step('memory', () => sampleMemory(read, STEADY_S), `${STEADY_S} s`);
    const resourcesWithPolicies = agents.state().resources;
    return { inStepMs, resources, starting, steady, withPolicies, policiesMs, resourcesWithPolicies };
  } finally {
    agents.stop();
  }
}

/** The controllers of Kubernetes would find the nodes dead and evict their pods: they do not run. */
async function startCluster(config: ClusterConfig): Promise<void> {
  const folder = stateOf(config);
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  await createNetwork(config);
  await startControlPlane(config);
  for (const name of ['kube-scheduler', 'kube-controller-manager']) await stopProcess(folder, name, 'SIGKILL');
  const chart = path.join(ROOT, 'charts/weft');
  await helm(config, ['upgrade', '--install', 'weft', chart, '--namespace', SYSTEM, '--create-namespace']);
  await kubectl(config, ['wait', 'crd', '--all', '--for=condition=Established', '--timeout=30s']);
}

/** As the chart's container runs it: with a service account's token where a pod finds it, in a mount namespace. */
async function startOperator(config: ClusterConfig, api: KubeClient): Promise<number> {
  const folder = stateOf(config);
  writeFileSync(path.join(folder, 'operator.token'), await requestToken(api, 'weft-operator', {}), { mode: 0o600 });
  const account = '/run/secrets/kubernetes.io/serviceaccount';
  const files = ['operator.token token', 'ca.crt ca.crt'].map((pair) => {
    const [from = '', to = ''] = pair.split(' ');
    return `cp ${path.join(folder, from)} ${account}/${to}`;
  });
  const setUp = ['mount -t tmpfs tmpfs /run', `mkdir -p ${account}`, ...files, `echo ${SYSTEM} >${account}/namespace`];
  const variables = {
    ...WEFT_ENVIRONMENT,
    KUBERNETES_SERVICE_HOST: apiAddress(config),
    KUBERNETES_SERVICE_PORT: API_PORT,
    WEFT_NAMESPACE: SYSTEM,
    WEFT_REPLICA: 'weft-operator-bench',
    WEFT_LOG_LEVEL: 'info',
    WEFT_SERVICES: 'Auto',
    WEFT_TRUST_DOMAIN: TRUST_DOMAIN,
    WEFT_WEBHOOK_PORT: PORTS.webhook,
    WEFT_HEALTH_PORT: PORTS.health,
    WEFT_AGENT_PORT: PORTS.agent,
    WEFT_PROXY_IMAGE: 'envoy',
    WEFT_PROXY_UID: 1337,
    WEFT_PROXY_LOG_LEVEL: 'warning',
    WEFT_PROXY_RESOURCES: '{}',
  };
  const settings = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
  const program = ['env', '-i', ...settings, process.execPath, path.join(ROOT, 'dist/operator.js')];
  const shell = ['sh', '-ec', `${setUp.join('; ')}; exec "$@"`, 'sh', ...program];
  return startProcess(folder, 'operator', 'unshare', ['--mount', ...shell]);
}

async function startAgents(config: ClusterConfig, api: KubeClient, agents: readonly FilledNode[]) {
  const authority = await ensureAuthority(authorityInSecret(api, SYSTEM), systemClock);
  await publishTrust(api, SYSTEM, authority.rootCertificatePem, new AbortController().signal);
  const trust = { trustDomain: TRUST_DOMAIN, trustBundlePem: authority.rootCertificatePem };
  const content: AgentsFile = { ...trust, port: PORTS.agent, agents };
  const file = path.join(stateOf(config), 'agents.json');
  writeFileSync(file, JSON.stringify(content), { mode: 0o600 });
  const child: ChildProcess = fork(path.join(import.meta.dirname, 'agents-host.ts'), [file]);
  let state: AgentsState | undefined;
  child.on('message', (said: AgentsState) => {
    state = said;
  });
  const current = (): AgentsState => {
    if (child.exitCode !== null) throw new Error(`the simulated agents ended with ${child.exitCode}`);
    if (state === undefined) throw new Error('the simulated agents do not listen yet');
    return state;
  };
  await until('the simulated agents listen', 60_000, async () => current());
  return {
    state: current,
    /** Resolves when all nodes lack nothing, something was told after `sinceMs`, and nothing more comes. */
    inStep: (sinceMs: number) =>
      until('all simulated nodes are in step', 300_000, async () => {
        const { inStep, lastUpdateMs } = current();
        const isQuiet = lastUpdateMs > sinceMs && Date.now() - lastUpdateMs > QUIET_MS;
        return inStep === NODES && isQuiet ? current() : undefined;
      }),
    stop: () => child.disconnect(),
  };
}
