import { afterAll, expect, test } from '@jest/globals';
import type { KubeObject } from '../../src/api/meta.ts';
import { type Kind, KINDS, objectPath } from '../../src/kube/kinds.ts';
import { connect, create, DRY, refusal } from './cluster.ts';
import { GOOD_IPV6 } from './good.ts';
import { replaced } from './rules.ts';

const api = connect();
afterAll(() => api.close());

test.each(Object.entries(GOOD_IPV6))('an %s of IPv6 is stored as it was sent', async (name, good) => {
  const kind: Kind<KubeObject> = name === 'IPPool' ? KINDS.ipPool : KINDS.ipBlock;
  await create(api, kind, good);
  const got = await api.request<{ spec: object }>('GET', objectPath(kind, good.metadata));
  await api.request('DELETE', objectPath(kind, good.metadata));
  expect(got.spec).toMatchObject(good.spec ?? {});
});

test('an IPPool without a block size gets none, not even its default', async () => {
  const { apiVersion, kind } = KINDS.ipPool;
  const metadata = { name: 'sizeless' };
  const path = objectPath(KINDS.ipPool, metadata);
  await create(api, KINDS.ipPool, { apiVersion, kind, metadata, spec: { cidr: '10.243.0.0/16' } });
  const stored = await api.request<{ spec: object }>('GET', path);
  for (const blockSize of [26, 27]) {
    const body = replaced(stored, ['spec', 'blockSize'], blockSize);
    expect(await refusal(api.request('PUT', path, { body, query: DRY }))).toContain(
      'spec: Invalid value: spec.blockSize must not be changed',
    );
  }
  const body = replaced(stored, ['spec', 'disabled'], true);
  expect(await refusal(api.request('PUT', path, { body, query: DRY }))).toBeUndefined();
  await api.request('DELETE', path);
});
