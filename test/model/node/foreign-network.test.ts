import { expect, test } from '@jest/globals';
import { foreignNetworks, type NodeTraces } from '../../../src/model/node/foreign-network.ts';

const OWN: NodeTraces = {
  links: ['lo', 'eth0', 'vxlan.weft', 'weft0123456789a', 'docker0'],
  chains: ['INPUT', 'DOCKER'],
  configurations: ['05-weft.conflist'],
  managed: [],
  isProxyThere: false,
};

test('a node with nothing but Weft has none; neither has one that runs Docker', () => {
  expect(foreignNetworks(OWN)).toEqual([]);
});

test.each<[string, Partial<NodeTraces>, string]>([
  ['Calico', { links: ['cali0123456789a', 'tunl0'] }, 'Calico: interface cali0123456789a and 1 more'],
  ['Flannel', { links: ['flannel.1'] }, 'Flannel: interface flannel.1'],
  ['Cilium', { links: ['cilium_host'] }, 'Cilium: interface cilium_host'],
  ['kube-proxy that is gone', { chains: ['KUBE-SERVICES'] }, 'kube-proxy: chain KUBE-SERVICES'],
  [
    'who takes care of links that are not his',
    { managed: ['weft1', 'weft2'].map((link) => ({ manager: 'NetworkManager', link })) },
    "NetworkManager manages Weft's interface weft1 and 1 more",
  ],
  ['another configuration', { configurations: ['10-flannel.conflist'] }, 'CNI configuration 10-flannel.conflist'],
])('%s is found', (_, traces, expected) => {
  expect(foreignNetworks({ ...OWN, ...traces })).toEqual([expected]);
});

test('chains of a kube-proxy that runs are its own', () => {
  expect(foreignNetworks({ ...OWN, chains: ['KUBE-SERVICES'], isProxyThere: true })).toEqual([]);
});
