import { expect, test } from '@jest/globals';
import type { Namespace, Pod } from '../../../src/api/kubernetes.ts';
import { podsWithoutProxy } from '../../../src/model/mesh/missing-proxies.ts';

const namespaces: Readonly<Record<string, Namespace>> = {
  shop: { metadata: { name: 'shop', labels: { 'weft.dev/inject': 'enabled' } } },
  plain: { metadata: { name: 'plain' } },
  'kube-system': { metadata: { name: 'kube-system', labels: { 'weft.dev/inject': 'enabled' } } },
};

function pod(where: string, labels: Record<string, string> = {}, more: Partial<Pod['spec']> = {}): Pod {
  const [namespace = '', name = ''] = where.split('/');
  return { metadata: { name, namespace, labels }, spec: { containers: [], ...more }, status: { phase: 'Running' } };
}

test('pods that ask for a proxy, or whose namespace does, and that have none are named', () => {
  const ended: Pod = { ...pod('shop/ended'), status: { phase: 'Succeeded' } };
  const pods = [
    pod('shop/older'),
    pod('shop/has-one', { 'weft.dev/proxy': 'injected' }),
    pod('shop/refuses', { 'weft.dev/inject': 'disabled' }),
    pod('shop/of-the-node', {}, { hostNetwork: true }),
    pod('plain/asks', { 'weft.dev/inject': 'enabled' }),
    pod('plain/does-not'),
    pod('kube-system/dns'),
    ended,
  ];
  const names = podsWithoutProxy(pods, (name) => namespaces[name], new Set(['kube-system']));
  expect(names).toEqual(['plain/asks', 'shop/older']);
});
