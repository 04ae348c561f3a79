import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { BIN, CACHE, ROOT } from './paths.ts';
import { step } from './progress.ts';
import { run } from './shell.ts';

/** Programs inside the one Kubernetes binary, see lab/binaries/main.go. */
const KUBERNETES_PROGRAMS = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubelet',
  'kube-proxy',
  'kubectl',
  'coredns',
];
const TOOLS: Readonly<Record<string, string>> = {
  helm: 'helm.sh/helm/v3/cmd/helm',
  cnitool: 'github.com/containernetworking/cni/cnitool',
  bridge: 'github.com/containernetworking/plugins/plugins/main/bridge',
  'host-local': 'github.com/containernetworking/plugins/plugins/ipam/host-local',
  echo: './echo',
  'dns-server': './dns-server',
};
const SOURCE = path.join(ROOT, 'lab/binaries');
/** A module of its own, as it and Kubernetes want other versions of the same packages. */
const CONSUL = path.join(SOURCE, 'consul');
const COLLECTOR = path.join(SOURCE, 'collector');
const KUBERNETES_VERSION = 'v1.37.2';

/**
 * Puts every program of the lab into `BIN`: one found on the machine (`KUBEBUILDER_ASSETS`, PATH) is linked, all
 * others are built from their Go modules at pinned versions. A later run with the same pins does nothing.
 */
export async function installBinaries(): Promise<void> {
  mkdirSync(BIN, { recursive: true });
  const missing = KUBERNETES_PROGRAMS.filter((name) => !linkFromMachine(name));
  if (missing.length > 0) {
    const built = await build(
      'kubernetes',
      '.',
      `Kubernetes ${KUBERNETES_VERSION} from source`,
      'about 11 minutes on 2 cores, once',
    );
    for (const name of missing) link(built, name);
  }
  for (const [name, pkg] of Object.entries(TOOLS)) {
    link(await build(name, pkg, `${name} from source`, 'about 1 minute, once'), name);
  }
}

/** Puts the real Consul, for tests, into `BIN`. */
export async function installConsul(): Promise<void> {
  const pkg = 'github.com/hashicorp/consul';
  link(await build('consul', pkg, 'Consul from source', 'about 4 minutes on 2 cores, once', CONSUL), 'consul');
}

/** Puts the real OpenTelemetry Collector, for tests, into `BIN`. */
export async function installCollector(): Promise<void> {
  const what = 'the OpenTelemetry Collector from source';
  link(await build('otel-collector', '.', what, 'about 2 minutes on 2 cores, once', COLLECTOR), 'otel-collector');
}

function linkFromMachine(name: string): boolean {
  const folders = [process.env['KUBEBUILDER_ASSETS'], ...(process.env['PATH'] ?? '').split(':')];
  for (const folder of folders) {
    if (folder === undefined || folder === '' || folder === BIN) continue;
    const file = path.join(folder, name);
    if (!existsSync(file)) continue;
    link(file, name);
    return true;
  }
  return false;
}

function link(target: string, name: string): void {
  const temporary = path.join(BIN, `.${name}.${process.pid}`);
  rmSync(temporary, { force: true });
  symlinkSync(target, temporary);
  renameSync(temporary, path.join(BIN, name));
}

async function build(name: string, pkg: string, what: string, estimate: string, module = SOURCE): Promise<string> {
  const own = pkg.startsWith('./') ? `${pkg}/main.go` : 'main.go';
  const sources = ['go.mod', 'go.sum', ...(existsSync(path.join(module, own)) ? [own] : [])];
  const hash = createHash('sha256');
  for (const file of sources) hash.update(readFileSync(path.join(module, file)));
  const folder = path.join(CACHE, 'built', `${name}-${hash.digest('hex').slice(0, 16)}`);
  const output = path.join(folder, name);
  if (existsSync(output)) return output;
  mkdirSync(folder, { recursive: true });
  const [, minor] = KUBERNETES_VERSION.slice(1).split('.');
  const version = 'k8s.io/component-base/version';
  const flags = `-s -w -X ${version}.gitVersion=${KUBERNETES_VERSION} -X ${version}.gitMajor=1 -X ${version}.gitMinor=${minor}`;
  await step(
    `build ${what}`,
    async () => {
      // Into a temporary name and renamed: a build that is cut off leaves nothing that looks finished.
      await run('go', ['build', '-trimpath', '-ldflags', flags, '-o', `${output}.part`, pkg], {
        cwd: module,
        env: { CGO_ENABLED: '0', GOMAXPROCS: String(os.availableParallelism()) },
      });
      renameSync(`${output}.part`, output);
      writeFileSync(path.join(folder, 'package'), `${pkg}\n`);
    },
    estimate,
  );
  return output;
}
