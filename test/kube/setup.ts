import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { kubectl } from '../../lab/cluster/cluster.ts';
import { stateOf } from '../../lab/cluster/config.ts';
import { startControlPlane, stopControlPlane } from '../../lab/cluster/control-plane.ts';
import { createNetwork, deleteNetwork } from '../../lab/cluster/network.ts';
import { ROOT } from '../../lab/setup/paths.ts';
import { KUBE_CLUSTER } from './cluster.ts';

/** Pid of the run that the control plane belongs to. */
const OWNER = path.join(stateOf(KUBE_CLUSTER), 'owner.pid');

/** One API server for the whole tier, with Weft's definitions and nobody who acts on them. */
export default async function setup(): Promise<void> {
  const owner = existsSync(OWNER) ? readFileSync(OWNER, 'utf8') : '';
  if (isRunOfJest(owner)) throw new Error(`the kube tier runs already (process ${owner}); wait for its end`);
  await removeControlPlane();
  try {
    await startKube();
  } catch (error) {
    await removeControlPlane(); // Jest calls no teardown after a setup that failed
    throw error;
  }
}

async function startKube(): Promise<void> {
  mkdirSync(stateOf(KUBE_CLUSTER), { recursive: true, mode: 0o755 });
  writeFileSync(OWNER, `${process.pid}`);
  await createNetwork(KUBE_CLUSTER);
  await startControlPlane(KUBE_CLUSTER);
  await kubectl(KUBE_CLUSTER, ['apply', '-f', path.join(ROOT, 'crds')]);
  await kubectl(KUBE_CLUSTER, ['wait', 'crd', '--all', '--for=condition=Established', '--timeout=30s']);
}

export async function removeControlPlane(): Promise<void> {
  await stopControlPlane(KUBE_CLUSTER);
  await deleteNetwork(KUBE_CLUSTER);
  rmSync(stateOf(KUBE_CLUSTER), { recursive: true, force: true });
}

function isRunOfJest(pid: string): boolean {
  const file = `/proc/${pid}/cmdline`;
  return pid !== '' && existsSync(file) && readFileSync(file, 'utf8').includes('jest');
}
