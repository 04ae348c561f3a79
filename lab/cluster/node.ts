import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PAUSE_IMAGE } from '../images/images.ts';
import { run, type RunOptions, type RunResult, until } from '../setup/shell.ts';
import { CLUSTER_DNS, type ClusterConfig, netnsOf, nodeAddress, stateOf } from './config.ts';
import { kubeconfigFileOf } from './control-plane.ts';
import { runningPid, startProcess, stopProcess } from './process.ts';

export function nodeFolder(config: ClusterConfig, node: string): string {
  return path.join(stateOf(config), node);
}

/** Boots a node: namespaces for PIDs, mounts, network and host name, then containerd and kubelet in them. */
export async function startNode(config: ClusterConfig, node: string): Promise<void> {
  const folder = nodeFolder(config, node);
  mkdirSync(folder, { recursive: true });
  const file = (name: string) => path.join(folder, name);
  writeFileSync(file('containerd.toml'), CONTAINERD_CONFIG);
  writeFileSync(file('kubelet.kubeconfig'), readFileSync(kubeconfigFileOf(config, `system:node:${node}`)), {
    mode: 0o600,
  });
  writeFileSync(file('kubelet.json'), JSON.stringify(kubeletConfig(config)));
  const init = path.join(import.meta.dirname, 'node-init.sh');
  const namespaces = ['unshare', '--mount', '--uts', '--pid', '--fork', '--mount-proc', '--kill-child=SIGKILL'];
  startProcess(folder, 'node', 'nsenter', [
    `--net=/run/netns/${netnsOf(config, node)}`,
    ...namespaces,
    'bash',
    init,
    node,
    folder,
    '',
    nodeAddress(config, node),
  ]);
  await until(`containerd of ${node} answers`, 30_000, async () => {
    const { code } = await runOnNode(config, node, ['ctr', 'version'], { allowFailure: true });
    return code === 0 ? true : undefined;
  });
}

/** Runs kube-proxy on the node too, until `stopKubeProxy` or the node's end. */
export function startKubeProxy(config: ClusterConfig, node: string): void {
  const enter = ['-t', String(initPid(config, node)), '-m', '-n', '-u', '--'];
  startProcess(nodeFolder(config, node), 'kube-proxy', 'nsenter', [...enter, ...kubeProxyCommand(config, node)]);
}

/** kube-proxy of the node, in its nftables mode. */
export function kubeProxyCommand(config: ClusterConfig, node: string): readonly string[] {
  const folder = nodeFolder(config, node);
  mkdirSync(folder, { recursive: true });
  const [kubeconfig, file] = [path.join(folder, 'kube-proxy.kubeconfig'), path.join(folder, 'kube-proxy.json')];
  writeFileSync(kubeconfig, readFileSync(kubeconfigFileOf(config, 'system:kube-proxy')), { mode: 0o600 });
  writeFileSync(file, JSON.stringify(kubeProxyConfig(kubeconfig)));
  return ['kube-proxy', `--config=${file}`, `--hostname-override=${node}`];
}

/** With its rules. */
export async function stopKubeProxy(config: ClusterConfig, node: string): Promise<void> {
  await stopProcess(nodeFolder(config, node), 'kube-proxy', 'SIGKILL');
  await runOnNode(config, node, ['kube-proxy', '--cleanup'], { allowFailure: true });
}

/** Power off: everything on the node ends at once. Its disk stays, so `startNode` is a reboot. */
export async function killNode(config: ClusterConfig, node: string): Promise<void> {
  await stopProcess(nodeFolder(config, node), 'node', 'SIGKILL');
  removeEmptyCgroups();
}

/** A machine's cgroups go with its power, a namespace's do not: the kubelet would look at each dead one for seconds. */
function removeEmptyCgroups(): void {
  for (const controller of readdirSync('/sys/fs/cgroup')) {
    const parent = `/sys/fs/cgroup/${controller}/k8s.io`;
    if (!existsSync(parent)) continue;
    for (const child of readdirSync(parent, { withFileTypes: true })) {
      if (!child.isDirectory()) continue;
      try {
        rmdirSync(path.join(parent, child.name));
      } catch {
        // It is another node's, and in use.
      }
    }
  }
}

/** Runs a program inside the node's namespaces, as root of that node. */
export function runOnNode(
  config: ClusterConfig,
  node: string,
  command: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const pid = initPid(config, node);
  if (pid === undefined) return Promise.reject(new Error(`node ${node} of cluster ${config.name} is not running`));
  return run('nsenter', ['-t', String(pid), '-m', '-n', '-p', '-u', '--', ...command], options);
}

export async function importImages(config: ClusterConfig, node: string, files: readonly string[]): Promise<void> {
  for (const archive of files) {
    const marker = path.join(nodeFolder(config, node), 'images', path.basename(archive));
    if (existsSync(marker)) continue;
    await runOnNode(config, node, ['ctr', '-n', 'k8s.io', 'images', 'import', archive]);
    mkdirSync(path.dirname(marker), { recursive: true });
    writeFileSync(marker, '');
  }
}

/** The node's PID 1 as the machine sees it: the child of the `unshare` that was started. */
function initPid(config: ClusterConfig, node: string): number | undefined {
  const parent = runningPid(nodeFolder(config, node), 'node');
  if (parent === undefined) return undefined;
  const children = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim().split(' ');
  return children[0] === undefined || children[0] === '' ? undefined : Number(children[0]);
}

function kubeletConfig(config: ClusterConfig): object {
  return {
    kind: 'KubeletConfiguration',
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    failCgroupV1: false,
    cgroupDriver: 'cgroupfs',
    cgroupsPerQOS: false,
    enforceNodeAllocatable: [],
    evictionHard: {},
    localStorageCapacityIsolation: false,
    clusterDomain: 'cluster.local',
    clusterDNS: [CLUSTER_DNS],
    containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: path.join(stateOf(config), 'ca.crt') },
    },
    authorization: { mode: 'Webhook' },
    resolvConf: '',
    registerNode: true,
    registerWithTaints: [{ key: 'weft.dev/agent-not-ready', effect: 'NoSchedule' }],
    nodeStatusUpdateFrequency: '4s',
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    maxPods: 300,
    staticPodPath: '/etc/kubernetes/manifests',
    serializeImagePulls: false,
    shutdownGracePeriod: '0s',
    failSwapOn: false,
  };
}

function kubeProxyConfig(kubeconfig: string): object {
  return {
    kind: 'KubeProxyConfiguration',
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    mode: 'nftables',
    clientConnection: { kubeconfig },
    detectLocalMode: 'InterfaceNamePrefix',
    detectLocal: { interfaceNamePrefix: 'weft' },
    conntrack: { maxPerCore: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
  };
}

const CONTAINERD_CONFIG = `version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
oom_score = 0
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE_IMAGE}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/opt/cni/bin"
    conf_dir = "/etc/cni/net.d"
`;
