import { readdirSync, readFileSync, statSync } from 'node:fs';
import { kubectl } from '../../lab/cluster/cluster.ts';
import { type ClusterConfig, netnsOf, nodeAddress } from '../../lab/cluster/config.ts';
import { waitForRollout } from '../../lab/cluster/install.ts';
import { ECHO_IMAGE } from '../../lab/images/images.ts';
import { step } from '../../lab/setup/progress.ts';
import { inWeftCluster } from '../split/bench-cluster.ts';
import { cgroupMB, type MemorySamples, processMB, sampleMemory } from './working-set.ts';

export interface AgentMemory {
  /** Of the container, at the agent's start, before there are pods. */
  readonly empty: MemorySamples;
  readonly container: MemorySamples;
  readonly process: MemorySamples;
  /** By its own metrics. */
  readonly served: { readonly leases: number; readonly proxies: number };
}

const NODE = 'node-1';
/** Of the chart's values. */
const HEALTH_PORT = 9442;
const PLAIN_PODS = 30;
const MESHED_PODS = 20;
const SETTLE_S = 30;
const STEADY_S = 60;

/** The agent as installed by the chart, on a node with 50 pods, 20 of them with proxies that call one service. */
export async function measureAgent(): Promise<AgentMemory> {
  return inWeftCluster([NODE], async (config) => {
    const pid = agentOf(config);
    const empty = await sampleMemory(() => cgroupMB(pid), 10);
    await step(`${PLAIN_PODS + MESHED_PODS} pods, ${MESHED_PODS} proxies`, () => startPods(config), '2 min');
    await sampleMemory(() => cgroupMB(pid), SETTLE_S);
    const [container, process] = await step('memory', () => {
      return Promise.all([cgroupMB, processMB].map((read) => sampleMemory(() => read(pid), STEADY_S)));
    });
    if (container === undefined || process === undefined) throw new Error('no samples');
    return { empty, container, process, served: await servedBy(config) };
  });
}

async function startPods(config: ClusterConfig): Promise<void> {
  const namespace = (name: string, labels: object) => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels },
  });
  const service = { apiVersion: 'v1', kind: 'Service', metadata: { namespace: 'meshed', name: 'web' } };
  const mesh = { apiVersion: 'weft.dev/v1alpha1', kind: 'MeshService', metadata: service.metadata };
  const items = [
    namespace('meshed', { 'weft.dev/inject': 'enabled' }),
    namespace('plain', {}),
    { ...service, spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] } },
    { ...mesh, spec: { source: { service: { name: 'web' } }, ports: [{ port: 80, protocol: 'HTTP' }] } },
    deployment('meshed', MESHED_PODS),
    deployment('plain', PLAIN_PODS),
  ];
  await kubectl(config, ['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  for (const where of ['meshed', 'plain']) await waitForRollout(config, where, 'deployment/web', 300);
}

function deployment(namespace: string, replicas: number): object {
  const labels = { app: 'web' };
  const ports = [{ name: 'http', containerPort: 8080 }];
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace, name: 'web' },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: 'web', image: ECHO_IMAGE, imagePullPolicy: 'Never', ports }] },
      },
    },
  };
}

function agentOf(config: ClusterConfig): number {
  const [pid, ...others] = processesOn(config, (command) => command.includes('/app/dist/agent.js'));
  if (pid === undefined || others.length > 0) throw new Error(`node ${NODE} has not one agent`);
  return pid;
}

/** What the agent itself says that it serves. @throws when that is not what was asked for. */
async function servedBy(config: ClusterConfig): Promise<{ readonly leases: number; readonly proxies: number }> {
  const text = await (await fetch(`http://${nodeAddress(config, NODE)}:${HEALTH_PORT}/metrics`)).text();
  const value = (name: string) => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1]);
  const served = { leases: value('weft_agent_leases'), proxies: value('weft_agent_proxies') };
  if (served.proxies !== MESHED_PODS || !(served.leases >= MESHED_PODS + PLAIN_PODS))
    throw new Error(`the agent serves ${served.leases} pods and ${served.proxies} proxies: not what is to be measured`);
  return served;
}

function processesOn(config: ClusterConfig, isIt: (command: string) => boolean): number[] {
  const own = statSync(`/run/netns/${netnsOf(config, NODE)}`).ino;
  return pids().filter((pid) => isIt(commandOf(pid)) && namespaceOf(pid) === own);
}

function pids(): number[] {
  return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return ''; // it ended meanwhile
  }
}

function namespaceOf(pid: number): number | undefined {
  return statSync(`/proc/${pid}/ns/net`, { throwIfNoEntry: false })?.ino;
}
