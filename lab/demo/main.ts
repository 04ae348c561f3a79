import { existsSync } from 'node:fs';
import path from 'node:path';
import { buildProduct } from '../../scripts/build.ts';
import { generateWire } from '../../scripts/generate-wire.ts';
import { clusterLeftovers, kubectl, prepareMachine, startCluster, stopCluster } from '../cluster/cluster.ts';
import { DEMO_CLUSTER, kubeconfigOf } from '../cluster/config.ts';
import { installWeft, waitForNetwork, waitForRollout } from '../cluster/install.ts';
import { BIN, ROOT } from '../setup/paths.ts';
import { step } from '../setup/progress.ts';
import { showAddresses, showIdentities, showPolicy, showSplit } from './show.ts';

const HELP = `npm run demo            a real cluster on this machine, Weft installed by its chart, and what it does
npm run demo -- --down  removes all of it, and proves that nothing is left

Needs root. The first run sets up what is missing (packages, Kubernetes from source, Envoy): about 10 minutes on
2 cores. Later runs take about a minute.`;

async function up(): Promise<void> {
  const config = DEMO_CLUSTER;
  await generateWire(ROOT);
  await prepareMachine();
  await step('build Weft', buildProduct);
  await startCluster(config);
  await installWeft(config);
  await kubectl(config, ['apply', '-f', path.join(ROOT, 'examples/pool.yaml')]);
  await waitForNetwork(config);
  await step('the shop of examples/: two versions of a service, a client in the mesh and one outside', async () => {
    for (const file of ['shop.yaml', 'mesh.yaml'])
      await kubectl(config, ['apply', '-f', path.join(ROOT, 'examples', file)]);
    for (const name of ['web-v1', 'web-v2', 'client']) await waitForRollout(config, 'shop', `deployment/${name}`);
    await waitForRollout(config, 'plain', 'deployment/client');
  });
  await showAddresses(config);
  await showIdentities(config);
  await showSplit(config);
  await showPolicy(config);
  console.log(`
How to go on
  export KUBECONFIG=${kubeconfigOf(config)} PATH=${BIN}:$PATH
  kubectl get weft -A                      everything of Weft's kinds
  kubectl explain meshservice.spec         what each field means
  kubectl -n shop edit trafficsplit web    move traffic from one version to the other
  node dist/weft.js status                 nodes, pools, policies and services with their conditions
Stop and remove it: npm run demo -- --down`);
}

async function down(): Promise<void> {
  await step('remove the cluster', () => stopCluster(DEMO_CLUSTER));
  const left = await clusterLeftovers(DEMO_CLUSTER);
  if (left.length > 0) throw new Error(`still there: ${left.join(', ')}`);
  console.log('Nothing is left: no process, no network namespace, no link, no mount, no folder.');
}

const [argument] = process.argv.slice(2);
if (argument === '--help' || argument === '-h') console.log(HELP);
else if (argument === '--down') await down();
else if (argument !== undefined) {
  console.error(`unknown argument '${argument}'\n\n${HELP}`);
  process.exitCode = 2;
} else {
  if (process.getuid?.() !== 0) throw new Error('the demo makes network namespaces: run it as root');
  if (existsSync(kubeconfigOf(DEMO_CLUSTER))) await down();
  await up();
}
