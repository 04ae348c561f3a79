import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { kubectl } from '../../lab/cluster/cluster.ts';
import { stateOf } from '../../lab/cluster/config.ts';
import { startControlPlane, stopControlPlane } from '../../lab/cluster/control-plane.ts';
import { createNetwork, deleteNetwork } from '../../lab/cluster/network.ts';
import { ROOT } from '../../lab/setup/paths.ts';
import { KUBE_CLUSTER } from './cluster.ts';

/** One API server for the whole tier, with Weft's definitions and nobody who acts on them. */
export default async function setup(): Promise<void> {
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
