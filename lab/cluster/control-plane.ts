import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { run, until } from '../setup/shell.ts';
import { type ApiUser, createCredentials } from './certificates.ts';
import { API_PORT, apiAddress, type ClusterConfig, kubeconfigOf, SERVICE_CIDR, stateOf } from './config.ts';
import { startProcess, stopProcess } from './process.ts';

const PROGRAMS = ['kube-scheduler', 'kube-controller-manager', 'kube-apiserver', 'etcd'];

/** Starts etcd, API server, controller manager and scheduler on the machine; resolves when the API is ready. */
export async function startControlPlane(config: ClusterConfig): Promise<Map<string, ApiUser>> {
  const folder = stateOf(config);
  const file = (name: string) => path.join(folder, name);
  const users = await createCredentials(config);
  for (const user of users.values()) writeKubeconfig(config, user);
  startEtcd(config);
  startApiServer(config);
  await until('the API server is ready', 60_000, async () => {
    const { code } = await run('kubectl', ['--kubeconfig', kubeconfigOf(config), 'get', '--raw', '/readyz'], {
      allowFailure: true,
    });
    return code === 0 ? true : undefined;
  });
  startProcess(folder, 'kube-controller-manager', 'kube-controller-manager', [
    `--kubeconfig=${file('system:kube-controller-manager.kubeconfig')}`,
    '--controllers=*,-nodeipam',
    `--root-ca-file=${file('ca.crt')}`,
    `--service-account-private-key-file=${file('service-account.key')}`,
    '--use-service-account-credentials=true',
    '--leader-elect=false',
    '--bind-address=127.0.0.1',
    `--secure-port=${portOf(config, 1)}`,
    '--node-monitor-grace-period=16s',
  ]);
  startProcess(folder, 'kube-scheduler', 'kube-scheduler', [
    `--kubeconfig=${file('system:kube-scheduler.kubeconfig')}`,
    '--leader-elect=false',
    '--bind-address=127.0.0.1',
    `--secure-port=${portOf(config, 2)}`,
  ]);
  return users;
}

/** etcd alone and the API server alone can be stopped and started again, to see what outlives them. */
export function startEtcd(config: ClusterConfig): void {
  const [client, peer] = [portOf(config, 3), portOf(config, 4)];
  startProcess(stateOf(config), 'etcd', 'etcd', [
    `--data-dir=${path.join(stateOf(config), 'etcd')}`,
    `--listen-client-urls=http://127.0.0.1:${client}`,
    `--advertise-client-urls=http://127.0.0.1:${client}`,
    `--listen-peer-urls=http://127.0.0.1:${peer}`,
    '--unsafe-no-fsync',
    '--log-level=warn',
  ]);
}

export function startApiServer(config: ClusterConfig): void {
  const folder = stateOf(config);
  const file = (name: string) => path.join(folder, name);
  startProcess(folder, 'kube-apiserver', 'kube-apiserver', [
    `--etcd-servers=http://127.0.0.1:${portOf(config, 3)}`,
    `--bind-address=${apiAddress(config)}`,
    `--advertise-address=${apiAddress(config)}`,
    `--secure-port=${API_PORT}`,
    `--tls-cert-file=${file('apiserver.crt')}`,
    `--tls-private-key-file=${file('apiserver.key')}`,
    `--client-ca-file=${file('ca.crt')}`,
    `--token-auth-file=${file('tokens.csv')}`,
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    '--allow-privileged=true',
    `--service-cluster-ip-range=${SERVICE_CIDR}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-signing-key-file=${file('service-account.key')}`,
    `--service-account-key-file=${file('service-account.key')}`,
    '--kubelet-preferred-address-types=InternalIP',
    `--kubelet-client-certificate=${file('kubelet-client.crt')}`,
    `--kubelet-client-key=${file('kubelet-client.key')}`,
    // The API server stands outside of the nodes: it calls webhooks at their endpoints, no ClusterIP is routed here.
    '--enable-aggregator-routing=true',
  ]);
}

export async function stopControlPlane(config: ClusterConfig): Promise<void> {
  for (const name of PROGRAMS) await stopProcess(stateOf(config), name, 'SIGKILL');
}

export function kubeconfigFileOf(config: ClusterConfig, user: string): string {
  return path.join(stateOf(config), `${user}.kubeconfig`);
}

function writeKubeconfig(config: ClusterConfig, { name, token }: ApiUser): void {
  const cluster = {
    server: `https://${apiAddress(config)}:${API_PORT}`,
    'certificate-authority-data': readFileSync(path.join(stateOf(config), 'ca.crt')).toString('base64'),
  };
  const kubeconfig = JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'lab', cluster }],
    users: [{ name: 'lab', user: { token } }],
    contexts: [{ name: 'lab', context: { cluster: 'lab', user: 'lab' } }],
    'current-context': 'lab',
  });
  writeFileSync(kubeconfigFileOf(config, name), kubeconfig, { mode: 0o600 });
  if (name === 'admin') writeFileSync(kubeconfigOf(config), kubeconfig, { mode: 0o600 });
}

/** Loopback ports of this cluster: apart from those of another cluster by the subnet's last octet. */
function portOf({ subnet }: ClusterConfig, index: number): number {
  return 21_000 + Number(subnet.split('.')[2]) * 10 + index;
}
