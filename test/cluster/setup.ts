import { startCluster } from '../../lab/cluster/cluster.ts';
import { TEST_CLUSTER } from '../../lab/cluster/config.ts';
import { installWeft, waitForNetwork } from '../../lab/cluster/install.ts';
import { applyManifests } from './cluster.ts';

/** One cluster for the whole tier: started before the first test, removed after the last. */
export default async function setup(): Promise<void> {
  await startCluster(TEST_CLUSTER);
  await installWeft(TEST_CLUSTER);
  await applyManifests('pool.yaml');
  await waitForNetwork(TEST_CLUSTER);
}
