import { describe, expect, test } from '@jest/globals';
import { explainCall } from '../../../src/model/mesh/way/explain-call.ts';
import { explainFlag } from '../../../src/model/mesh/way/explain-flag.ts';
import { RESPONSE_FLAGS } from '../../../src/model/mesh/way/response-flags.ts';
import { partsIn, SHOP, worldIn } from '../../support/shop-world.ts';

const FAULT = 'fault: { delay: { milliseconds: 300, percent: 5 }, abort: { status: 418, percent: 20 } }';

function here(flag: string, path: string, text = SHOP): readonly string[] {
  const { objects, meshServices } = worldIn(text);
  const services = objects.services?.upserts ?? [];
  const [caller] = objects.pods.upserts;
  const service = services.find(({ metadata }) => metadata.name === 'catalog');
  if (caller === undefined || service === undefined) throw new Error('not in the world');
  const way = explainCall({
    input: { ...partsIn(text), services, pods: objects.pods.upserts, meshServices, trustDomain: 'cluster.local' },
    ...{
      caller,
      service,
      port: 80,
      protocol: 'TCP',
      node: { name: 'node-1' },
      lacksProxy: false,
      isByClusterName: false,
    },
    request: { method: 'GET', path, query: '', headers: {} },
    judge: ({ pod }) => ({ isAllowed: pod !== 'shop/catalog-b', why: 'a policy' }),
  });
  return explainFlag(flag, way)?.here ?? ['unknown'];
}

const SPLIT = 'TrafficSplit shop/catalog';

describe('a response flag', () => {
  test.each<[string, string, string, readonly string[]]>([
    ['UF', '/v2', SHOP, ['shop/catalog-b, port 8080: a policy']],
    ['UO', '/', SHOP, ['shop/catalog:80|v1: connections.maxRequests is 50']],
    ['UT', '/', SHOP, [`${SPLIT}, spec.rules[2]: timeout 5 s`]],
    ['DC', '/v2', SHOP, [`${SPLIT}, spec.rules[1]: timeout 250 ms`, `${SPLIT}, spec.rules[1]: each try 100 ms`]],
    ['URX', '/', SHOP, [`${SPLIT}, spec.rules[2]: 1 retry on ConnectFailure, Refused`]],
    ['RL', '/', SHOP, ['shop/catalog-a takes 100 requests a second, 100 at once']],
    ['DI', '/', SHOP, []],
    [
      'DI',
      '/',
      SHOP.replace('backends: [{ subset: v1 }]', `$&\n      ${FAULT}`),
      [`${SPLIT}, spec.rules[2] delays 5 % by 300 ms`],
    ],
    [
      'FI',
      '/',
      SHOP.replace('backends: [{ subset: v1 }]', `$&\n      ${FAULT}`),
      [`${SPLIT}, spec.rules[2] answers 20 % with 418`],
    ],
    ['UH', '/', SHOP, []],
    [
      'UH',
      '/',
      SHOP.replace('connections:', 'healthCheck: { path: /ok }\n  connections:'),
      ['shop/catalog:80|v1: endpoints that fail /ok are left out'],
    ],
    ['UAEX', '/v2', SHOP, ['403, without a flag: a policy']],
    ['NC', '/v2', SHOP, []],
    ['NR', '/', SHOP, []],
    [
      'SI',
      '/',
      SHOP.replace('requestMilliseconds: 5000', 'idleMilliseconds: 9000'),
      [`${SPLIT}, spec.rules[2]: 9 s of silence`],
    ],
    ['UPE', '/', SHOP, ['port 80 of Service shop/catalog speaks HTTP, as is said by MeshService shop/catalog']],
    ['RLSE', '/', SHOP, []],
  ])('%s of %s is told by what makes it', (flag, path, text, expected) => {
    expect(here(flag, path, text)).toEqual(expected);
  });

  test('NR and NC are told by the HTTPRoute that makes them', () => {
    const route = `${SHOP}
---
kind: HTTPRoute
metadata: { name: items, namespace: shop, creationTimestamp: 2020-01-01T00:00:00Z }
spec:
  parentRefs: [{ group: "", kind: Service, name: catalog }]
  rules: [{ matches: [{ path: { value: /items } }], backendRefs: [{ name: gone, port: 80 }] }]
`;
    expect(here('NR', '/', route)).toEqual([
      'HTTPRoute shop/items, spec.rules[0] asks for path below /items: path is /',
    ]);
    expect(here('NC', '/items', route)).toEqual([
      'HTTPRoute shop/items, spec.rules[0] has a backend that names nothing',
    ]);
    expect(here('UH', '/items', route)).toEqual([]);
  });

  test.each([
    ...[
      'UH',
      'UF',
      'UO',
      'NR',
      'URX',
      'UT',
      'DC',
      'LR',
      'RL',
      'RLSE',
      'FI',
      'UAEX',
      'UPE',
      'DI',
      'NC',
      'LH',
      'UC',
      'UR',
    ],
  ])('%s has a meaning and a next step', (flag) => {
    expect(RESPONSE_FLAGS[flag]).toMatchObject({ means: expect.stringMatching(/./), next: expect.stringMatching(/./) });
  });
});
