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
import { buildProduct } from '../../scripts/build.ts';
import { generateWire } from '../../scripts/generate-wire.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { benchCluster, connect } from '../split/bench-cluster.ts';
import { requestToken, SYSTEM } from './fill.ts';

export const TRUST_DOMAIN = 'cluster.local';
export const AGENT_PORT = 9441;
const PORTS = { health: 9440, webhook: 9443 } as const;

/** Runs `work` with a control plane that has Weft's chart and no nodes; ends it afterwards, and the operator with it. */
export async function inControlPlane<T>(work: (config: ClusterConfig, api: KubeClient) => Promise<T>): Promise<T> {
  const config = benchCluster([]);
  await generateWire(ROOT);
  await prepareMachine();
  await buildProduct();
  await remove(config);
  try {
    await step('control plane with Weft by its chart', () => startCluster(config));
    const api = connect(config);
    try {
      return await work(config, api);
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

/**
 * The operator as the chart's container runs it: with a service account's token where a pod finds it, in a mount
 * namespace; its pid.
 */
export async function startOperator(config: ClusterConfig, api: KubeClient): Promise<number> {
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
    WEFT_AGENT_PORT: AGENT_PORT,
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
