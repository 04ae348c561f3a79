import path from 'node:path';
import { kubectl, prepareMachine, startCluster, stopCluster } from '../../lab/cluster/cluster.ts';
import { type ClusterConfig, kubeconfigOf } from '../../lab/cluster/config.ts';
import { installWeft, waitForNetwork } from '../../lab/cluster/install.ts';
import { ROOT } from '../../lab/setup/paths.ts';
import { buildProduct } from '../../scripts/build.ts';
import { generateWire } from '../../scripts/generate-wire.ts';
import { KubeClient } from '../../src/kube/client.ts';
import { loadConnection } from '../../src/kube/connection.ts';
import { systemClock } from '../../src/lib/clock.ts';

/** The benchmarks' cluster, beside that of the tests; benchmarks take turns with it. */
export function benchCluster(nodes: readonly string[]): ClusterConfig {
  return { name: 'bench', subnet: '172.30.3', nodes };
}

/** Runs `work` in a new cluster of these nodes with Weft in force, and removes it afterwards. */
export async function inWeftCluster<T>(
  nodes: readonly string[],
  work: (config: ClusterConfig) => Promise<T>,
): Promise<T> {
  const config = benchCluster(nodes);
  await generateWire(ROOT);
  await prepareMachine();
  await buildProduct();
  try {
    await startCluster(config);
    await installWeft(config, [`operator.replicas=${Math.min(2, nodes.length)}`]);
    await kubectl(config, ['apply', '-f', path.join(ROOT, 'examples/pool.yaml')]);
    await waitForNetwork(config);
    return await work(config);
  } finally {
    await stopCluster(config);
  }
}

/** An administrator's client; close it at the end. */
export function connect(config: ClusterConfig): KubeClient {
  return new KubeClient(loadConnection({ from: 'file', path: kubeconfigOf(config) }, systemClock), systemClock);
}
