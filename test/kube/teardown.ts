import { clusterLeftovers } from '../../lab/cluster/cluster.ts';
import { KUBE_CLUSTER } from './cluster.ts';
import { removeControlPlane } from './setup.ts';

/** Removes the control plane, and fails the run when anything of it is left on the machine. */
export default async function teardown(): Promise<void> {
  await removeControlPlane();
  const left = await clusterLeftovers(KUBE_CLUSTER);
  if (left.length > 0) throw new Error(`the kube tier left on this machine: ${left.join(', ')}`);
}
