import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { buildImages } from '../images/images.ts';
import { installBinaries } from '../setup/binaries.ts';
import { installEnvoy } from '../setup/envoy.ts';
import { installPackages } from '../setup/packages.ts';
import { installRouters } from '../setup/routers.ts';
import { step } from '../setup/progress.ts';
import { run } from '../setup/shell.ts';
import { type ClusterConfig, kubeconfigOf, stateOf } from './config.ts';
import { startControlPlane, stopControlPlane } from './control-plane.ts';
import { createNetwork, deleteNetwork, networkLeftovers } from './network.ts';
import { importImages, killNode, startNode } from './node.ts';

/** All that the lab needs on the machine; does nothing when it is there. */
export async function prepareMachine(): Promise<void> {
  await installPackages();
  await installBinaries();
  await installEnvoy();
  await installRouters();
}

/** A running cluster without any pod network: nodes register and stay NotReady until a conflist appears. */
export async function startCluster(config: ClusterConfig): Promise<void> {
  await stopCluster(config);
  mkdirSync(stateOf(config), { recursive: true, mode: 0o755 });
  const images = await buildImages();
  await step(`cluster ${config.name}: network`, () => createNetwork(config));
  await step(`cluster ${config.name}: control plane`, () => startControlPlane(config));
  await step(`cluster ${config.name}: nodes ${config.nodes.join(', ')}`, async () => {
    await Promise.all(config.nodes.map((node) => startNode(config, node)));
    for (const node of config.nodes) await importImages(config, node, images);
  });
}

/** Ends and removes everything that `startCluster` made; safe to call at any time, again and again. */
export async function stopCluster(config: ClusterConfig): Promise<void> {
  await Promise.all(config.nodes.map((node) => killNode(config, node)));
  await stopControlPlane(config);
  await deleteNetwork(config);
  rmSync(stateOf(config), { recursive: true, force: true });
}

/** What of the cluster is still on the machine, one line each; empty after `stopCluster`. */
export async function clusterLeftovers(config: ClusterConfig): Promise<string[]> {
  const found = await networkLeftovers(config);
  if (existsSync(stateOf(config))) found.push(`folder ${stateOf(config)}`);
  for (const line of readFileSync('/proc/mounts', 'utf8').split('\n')) {
    if (line.includes(`${stateOf(config)}/`)) found.push(`mount ${line.split(' ')[1] ?? ''}`);
  }
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    if (Number(pid) !== process.pid && commandLine(pid).includes(`${stateOf(config)}/`)) found.push(`process ${pid}`);
  }
  return found;
}

export function kubectl(config: ClusterConfig, args: readonly string[], input?: string): Promise<string> {
  const options = input === undefined ? {} : { input };
  return run('kubectl', ['--kubeconfig', kubeconfigOf(config), ...args], options).then(({ stdout }) => stdout);
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return ''; // it ended meanwhile
  }
}
