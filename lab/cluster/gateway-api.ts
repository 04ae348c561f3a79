import path from 'node:path';
import { ROOT } from '../setup/paths.ts';
import { step } from '../setup/progress.ts';
import { run, until } from '../setup/shell.ts';
import { kubectl } from './cluster.ts';
import type { ClusterConfig } from './config.ts';

const GATEWAY_API_VERSION = 'v1.6.3';
/** Those that Weft reads, by the version that it reads. */
const KINDS = [
  ['httproutes', 'v1'],
  ['grpcroutes', 'v1'],
  ['tlsroutes', 'v1'],
  ['gatewayclasses', 'v1'],
  ['gateways', 'v1'],
  ['referencegrants', 'v1beta1'],
] as const;

/**
 * Makes routes known to a cluster, from the standard channel of the Gateway API: the definitions alone, no controller.
 * Install it before Weft, whose operator looks for a kind that was absent only once a minute.
 */
export async function installGatewayApi(config: ClusterConfig): Promise<void> {
  await step(`routes of the Gateway API ${GATEWAY_API_VERSION}`, async () => {
    const folder = path.join(await moduleFolder(), 'config/crd/standard');
    for (const [kind, version] of KINDS) {
      const file = path.join(folder, `gateway.networking.k8s.io_${kind}.yaml`);
      // On the server's side: the definition is larger than the annotation that an apply of the client keeps (256 KiB).
      await kubectl(config, ['apply', '--server-side', '-f', file]);
      await until(`the API server serves ${kind}`, 30_000, () =>
        kubectl(config, ['get', '--raw', `/apis/gateway.networking.k8s.io/${version}/${kind}`]),
      );
    }
  });
}

/** Where Go keeps the module: downloaded once, and checked against Go's checksum database. */
async function moduleFolder(): Promise<string> {
  const module = `sigs.k8s.io/gateway-api@${GATEWAY_API_VERSION}`;
  const { stdout } = await run('go', ['mod', 'download', '-json', module], {
    cwd: path.join(ROOT, 'lab/binaries'),
  });
  const { Dir } = JSON.parse(stdout) as { Dir?: string };
  if (Dir === undefined) throw new Error(`go mod download names no folder for ${module}`);
  return Dir;
}
