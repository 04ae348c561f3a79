import { stopCluster } from '../../lab/cluster/cluster.ts';
import { TEST_CLUSTER } from '../../lab/cluster/config.ts';

export default async function teardown(): Promise<void> {
  if (process.env['WEFT_KEEP_CLUSTER'] !== '1') await stopCluster(TEST_CLUSTER);
}
