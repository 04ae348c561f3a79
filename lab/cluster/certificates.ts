import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { run } from '../setup/shell.ts';
import { apiAddress, type ClusterConfig, stateOf } from './config.ts';

/** Users of the lab's API server: name and groups, each with a random token. */
export interface ApiUser {
  readonly name: string;
  readonly groups: string;
  readonly token: string;
}

/** Writes CA, server certificate, kubelet client certificate, service-account key and tokens into the state folder. */
export async function createCredentials(config: ClusterConfig): Promise<Map<string, ApiUser>> {
  const folder = stateOf(config);
  const openssl = (...args: string[]) => run('openssl', args, { cwd: folder });
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  await openssl(
    'req',
    '-x509',
    ...ec,
    '-keyout',
    'ca.key',
    '-out',
    'ca.crt',
    '-days',
    '30',
    '-subj',
    '/CN=weft-lab-ca',
  );
  const names = `IP:${apiAddress(config)},IP:127.0.0.1,IP:10.96.0.1,DNS:kubernetes,DNS:kubernetes.default.svc,DNS:localhost`;
  const issue = async (name: string, subject: string, extension: string) => {
    await openssl('req', ...ec, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', subject);
    writeFileSync(path.join(folder, `${name}.ext`), extension);
    const ca = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '30'];
    await openssl('x509', '-req', '-in', `${name}.csr`, ...ca, '-out', `${name}.crt`, '-extfile', `${name}.ext`);
  };
  await issue('apiserver', '/CN=kube-apiserver', `subjectAltName=${names}\n`);
  await issue('kubelet-client', '/O=system:masters/CN=kube-apiserver', 'extendedKeyUsage=clientAuth\n');
  await openssl('genrsa', '-out', 'service-account.key', '2048');

  const users = [
    { name: 'admin', groups: 'system:masters' },
    { name: 'system:kube-controller-manager', groups: '' },
    { name: 'system:kube-scheduler', groups: '' },
    { name: 'system:kube-proxy', groups: '' },
    ...config.nodes.map((node) => ({ name: `system:node:${node}`, groups: 'system:nodes' })),
  ].map((user): ApiUser => ({ ...user, token: randomBytes(24).toString('hex') }));
  const lines = users.map(({ token, name, groups }) => `${token},${name},${name},"${groups}"`);
  writeFileSync(path.join(folder, 'tokens.csv'), `${lines.join('\n')}\n`, { mode: 0o600 });
  return new Map(users.map((user) => [user.name, user]));
}
