import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { RegistrySecrets } from '../../src/controllers/mesh/registry-secrets.ts';
import { collectionPath, KINDS, objectPath } from '../../src/kube/kinds.ts';
import { parseManifests } from '../support/manifests.ts';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { ROOT } from '../../lab/setup/paths.ts';
import { connect, connectAs, kube, KUBE_CLUSTER, makeNamespace } from './cluster.ts';
import { kubectl } from '../../lab/cluster/cluster.ts';

/** As the example has it, whose Role is tried here. */
const NAMESPACE = 'shop-of-secrets';
const REF = { namespace: NAMESPACE, name: 'eureka' };
const api = connect();
const operator = connectAs('weft-system', 'weft-operator');
const never = new AbortController().signal;

beforeAll(() => makeNamespace(api, NAMESPACE));
afterAll(async () => {
  await kube('delete', 'namespace', NAMESPACE, '--wait=false');
  await operator.close();
  await api.close();
});

/** Objects of the example, in this namespace. */
async function applyExample(...kinds: readonly string[]): Promise<void> {
  const text = readFileSync(path.join(ROOT, 'examples/mesh-eureka.yaml'), 'utf8');
  const items = parseManifests(text.replaceAll(/^( +)namespace: shop$/gm, `$1namespace: ${NAMESPACE}`)).filter(
    ({ kind = '' }) => kinds.includes(kind),
  );
  await kubectl(KUBE_CLUSTER, ['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
}

test('a Secret is read once it is there and its namespace lets the operator read it, and it is followed', async () => {
  const secrets = new RegistrySecrets(operator, 'weft-system');
  await applyExample('Secret');
  await expect(secrets.read(REF, never)).rejects.toThrow(
    `the service account weft-operator of namespace weft-system may not read Secret '${NAMESPACE}/eureka': give it a Role`,
  );
  await applyExample('Role', 'RoleBinding');
  const read = async () => (await secrets.read(REF, never)).get('password')?.reveal();
  // The API server's authorizer hears of Roles by a watch.
  for (let tries = 0; tries < 50 && (await read().catch(() => undefined)) === undefined; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  expect(await read()).toBe('change-me');
  const body = { stringData: { password: 'changed' } };
  await api.request('PATCH', objectPath(KINDS.secret, REF), { body, contentType: 'application/merge-patch+json' });
  expect(await read()).toBe('changed');
  // What nobody can answer for at the moment is as it was.
  const ended = AbortSignal.abort();
  expect((await secrets.read(REF, ended)).get('password')?.reveal()).toBe('changed');
  await api.request('DELETE', objectPath(KINDS.secret, REF));
  await expect(secrets.read(REF, never)).rejects.toThrow(`there is no Secret '${NAMESPACE}/eureka': create it`);
  await expect(operator.request('GET', collectionPath(KINDS.secret, NAMESPACE))).rejects.toThrow('cannot list');
});
