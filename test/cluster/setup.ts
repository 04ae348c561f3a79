import { existsSync } from 'node:fs';
import path from 'node:path';
import { kubectl, startCluster, stopCluster } from '../../lab/cluster/cluster.ts';
import { kubeconfigOf, TEST_CLUSTER } from '../../lab/cluster/config.ts';
import { installGatewayApi } from '../../lab/cluster/gateway-api.ts';
import { installWeft, waitForNetwork } from '../../lab/cluster/install.ts';
import { ROOT } from '../../lab/setup/paths.ts';
import { applyManifests } from './cluster.ts';

/**
 * One cluster for the whole tier: started before the first test, removed after the last. With WEFT_KEEP_CLUSTER=1 it
 * stays for a look, and the next run uses it as it is.
 */
export default async function setup(): Promise<void> {
  if (process.env['WEFT_KEEP_CLUSTER'] === '1' && existsSync(kubeconfigOf(TEST_CLUSTER))) return;
  try {
    await startCluster(TEST_CLUSTER);
    await installGatewayApi(TEST_CLUSTER);
    await kubectl(TEST_CLUSTER, ['apply', '-f', path.join(ROOT, 'lab/manifests/smi.yaml')]);
    await installWeft(TEST_CLUSTER, ['clusterNetworkPolicy.installCRD=true']);
    await applyManifests('pool.yaml');
    await waitForNetwork(TEST_CLUSTER);
  } catch (error) {
    // Jest calls no teardown after a setup that failed.
    if (process.env['WEFT_KEEP_CLUSTER'] !== '1') await stopCluster(TEST_CLUSTER);
    throw error;
  }
}
