import path from 'node:path';
import { ENVOY_IMAGE, WEFT_IMAGE } from '../images/images.ts';
import { ROOT } from '../setup/paths.ts';
import { step } from '../setup/progress.ts';
import { run, until } from '../setup/shell.ts';
import { kubectl } from './cluster.ts';
import { API_PORT, apiAddress, type ClusterConfig, kubeconfigOf } from './config.ts';

export const WEFT_NAMESPACE = 'weft-system';

/** Installs Weft by its chart, as a user would, and waits until its pods run. `set` are further chart values. */
export async function installWeft(config: ClusterConfig, set: readonly string[] = []): Promise<void> {
  await step('Weft by its Helm chart', async () => {
    const [repository, tag] = WEFT_IMAGE.split(':');
    const values = [
      `kubernetesApi.host=${apiAddress(config)}`,
      `kubernetesApi.port=${API_PORT}`,
      `image.repository=${repository}`,

      'image.pullPolicy=Never',
      `proxy.image=${ENVOY_IMAGE}`,
      ...set,
    ];
    await helm(config, [
      ...['upgrade', '--install', 'weft', path.join(ROOT, 'charts/weft'), '--namespace', WEFT_NAMESPACE],
      ...['--create-namespace', '--set', values.join(','), '--set-string', `image.tag=${tag}`],
    ]);
    await waitForRollout(config, WEFT_NAMESPACE, 'deployment/weft-operator');
    await waitForRollout(config, WEFT_NAMESPACE, 'daemonset/weft-agent');
  });
}

/** Nodes Ready and CoreDNS running: what follows from a pool. */
export async function waitForNetwork(config: ClusterConfig): Promise<void> {
  await step('nodes Ready, cluster DNS running', async () => {
    await kubectl(config, ['wait', 'node', '--all', '--for=condition=Ready', '--timeout=60s']);
    await kubectl(config, ['apply', '-f', path.join(ROOT, 'lab/manifests/coredns.yaml')]);
    await waitForRollout(config, 'kube-system', 'deployment/coredns');
  });
}

export function helm(config: ClusterConfig, args: readonly string[]): Promise<string> {
  return run('helm', ['--kubeconfig', kubeconfigOf(config), ...args]).then(({ stdout }) => stdout);
}

export async function waitForRollout(
  config: ClusterConfig,
  namespace: string,
  what: string,
  timeoutSeconds = 90,
): Promise<void> {
  await kubectl(config, ['-n', namespace, 'rollout', 'status', what, `--timeout=${timeoutSeconds}s`]);
}

/**
 * Runs a program in a pod's first container (or `container`) and returns what it printed, failed or not. In `output` is
 * what went to its standard error too, and what kubectl itself says there now and then.
 */
export async function execInPod(
  config: ClusterConfig,
  pod: string,
  command: readonly string[],
  container?: string,
): Promise<{ code: number; stdout: string; output: string }> {
  const [namespace = '', name = ''] = pod.split('/');
  const which = container === undefined ? [] : ['-c', container];
  const args = ['--kubeconfig', kubeconfigOf(config), '-n', namespace, 'exec', name, ...which, '--', ...command];
  const { code, stdout, stderr } = await run('kubectl', args, { allowFailure: true, timeoutMs: 120_000 });
  return { code, stdout, output: `${stdout}${stderr}`.trim() };
}

/** Polls `probe` until it holds; for effects that spread, with a deadline that is far above what they take. */
export function eventually(what: string, probe: () => Promise<boolean>, timeoutMs = 30_000): Promise<true> {
  return until(what, timeoutMs, async () => ((await probe()) ? true : undefined));
}
