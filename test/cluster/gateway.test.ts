import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { installWeft, waitForRollout, WEFT_NAMESPACE } from '../../lab/cluster/install.ts';
import type { Gateway } from '../../src/api/gateway.ts';
import type { HTTPRoute } from '../../src/api/kubernetes.ts';
import type { Condition } from '../../src/api/meta.ts';
import { SelfSigned } from '../support/self-signed.ts';
import {
  applyObjects,
  eventually,
  getObject,
  kube,
  namespace,
  pod,
  podsReady,
  runOnNode,
  TEST_CLUSTER,
} from './cluster.ts';

jest.setTimeout(300_000);

const NS = 'edge';
const API = 'gateway.networking.k8s.io/v1';
const HOST = 'shop.example.com';
let address: string;

/** What a caller on a node of the cluster gets from the Gateway, by curl. */
async function call(url: string, ...more: readonly string[]): Promise<string> {
  const names = ['80', '443', '8443'].flatMap((port) => ['--resolve', `*:${port}:${address}`]);
  const command = ['curl', '-sk', '--max-time', '5', ...names, ...more, url];
  return (await runOnNode(TEST_CLUSTER, 'node-1', command, { allowFailure: true })).stdout;
}

/** A certificate for HOST, told apart by its organisation. */
function certificate(organisation: string) {
  const own = new SelfSigned(HOST, organisation);
  const stringData = { 'tls.crt': own.certificate, 'tls.key': own.key };
  own.delete();
  return {
    ...{ apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls', metadata: { name: 'shop', namespace: NS } },
    stringData,
  };
}

function route(name: string, spec: object, kind = 'HTTPRoute') {
  return { apiVersion: API, kind, metadata: { name, namespace: NS }, spec };
}

function service(name: string) {
  const ports = [{ name: 'http', port: 80, targetPort: 8080 }];
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: NS },
    spec: { selector: { app: name }, ports },
  };
}

const is = (conditions: readonly Condition[] | undefined, type: string) =>
  conditions?.find((condition) => condition.type === type)?.status;

beforeAll(async () => {
  await installWeft(TEST_CLUSTER, ['gateways.enabled=true']);
  await applyObjects(namespace(NS, { 'weft.dev/inject': 'enabled' }));
  await applyObjects(
    ...['web', 'beta'].map(service),
    pod(`${NS}/web`, { env: { VERSION: 'web' }, probe: true }),
    pod(`${NS}/beta`, { env: { VERSION: 'beta' }, probe: true }),
    certificate('first'),
    {
      apiVersion: 'weft.dev/v1alpha1',
      kind: 'MeshService',
      metadata: { name: 'web', namespace: NS },
      spec: { source: { service: { name: 'web' } }, ports: [{ port: 80, protocol: 'HTTP' }], tls: { mode: 'Strict' } },
    },
    { apiVersion: API, kind: 'GatewayClass', metadata: { name: 'weft' }, spec: { controllerName: 'weft.dev/gateway' } },
    {
      apiVersion: API,
      kind: 'Gateway',
      metadata: { name: 'edge', namespace: NS },
      spec: {
        gatewayClassName: 'weft',
        listeners: [
          { name: 'http', port: 80, protocol: 'HTTP' },
          { name: 'https', port: 443, protocol: 'HTTPS', hostname: HOST, tls: { certificateRefs: [{ name: 'shop' }] } },
        ],
      },
    },
    route('to-https', {
      parentRefs: [{ name: 'edge', sectionName: 'http' }],
      rules: [{ filters: [{ type: 'RequestRedirect', requestRedirect: { scheme: 'https', statusCode: 301 } }] }],
    }),
    route('shop', {
      parentRefs: [{ name: 'edge', sectionName: 'https' }],
      hostnames: [HOST],
      rules: [
        { backendRefs: [{ name: 'web', port: 80 }] },
        { matches: [{ path: { type: 'PathPrefix', value: '/beta' } }], backendRefs: [{ name: 'beta', port: 80 }] },
      ],
    }),
  );
  await podsReady(NS);
  await eventually('the Gateway has an address', async () => {
    const { status } = await getObject<Gateway>('-n', NS, 'gateway', 'edge');
    address = status?.addresses?.[0]?.value ?? '';
    return address !== '';
  });
  await waitForRollout(TEST_CLUSTER, NS, 'deployment/weft-gateway-edge');
});

afterAll(async () => {
  await kube('delete', 'namespace', NS);
  await kube('delete', 'gatewayclass', 'weft');
  await installWeft(TEST_CLUSTER);
});

test('says what it needs while it may not read the certificate, and opens the listener when it may', async () => {
  await eventually('the listener says so', async () => {
    const { status } = await getObject<Gateway>('-n', NS, 'gateway', 'edge');
    const listener = status?.listeners?.find(({ name }) => name === 'https');
    const resolved = listener?.conditions.find(({ type }) => type === 'ResolvedRefs');
    return resolved?.status === 'False' && resolved.message.includes('give it a Role with get on that Secret');
  });
  const rbac = 'rbac.authorization.k8s.io';
  const metadata = { name: 'shop-certificate', namespace: NS };
  await applyObjects(
    {
      ...{ apiVersion: `${rbac}/v1`, kind: 'Role', metadata },
      rules: [{ apiGroups: [''], resources: ['secrets'], resourceNames: ['shop'], verbs: ['get'] }],
    },
    {
      ...{ apiVersion: `${rbac}/v1`, kind: 'RoleBinding', metadata },
      roleRef: { apiGroup: rbac, kind: 'Role', name: 'shop-certificate' },
      subjects: [{ kind: 'ServiceAccount', name: 'weft-operator', namespace: WEFT_NAMESPACE }],
    },
  );
  await eventually('the Gateway and its listeners are in force', async () => {
    const { status } = await getObject<Gateway>('-n', NS, 'gateway', 'edge');
    const all = [status?.conditions, ...(status?.listeners ?? []).map(({ conditions }) => conditions)];
    return all.length === 3 && all.every((conditions) => is(conditions, 'Programmed') === 'True');
  });
});

test('answers by host, path and port, calls meshed backends by mutual TLS, and redirects where a route says so', async () => {
  await eventually('the shop answers', async () => (await call(`https://${HOST}/`)).includes('"version":"web"'));
  const answer = await call(`https://${HOST}/`);
  expect(answer).toContain(`URI=spiffe://cluster.local/ns/${NS}/sa/weft-gateway-edge`);
  expect(await call(`https://${HOST}/beta/x`)).toContain('"version":"beta"');
  const redirect = await call(`http://${HOST}/items?q=1`, '-o', '/dev/null', '-w', '%{http_code} %{redirect_url}');
  expect(redirect).toBe(`301 https://${HOST}/items?q=1`);
  // No listener has that name.
  expect(await call('https://other.example.com/', '-o', '/dev/null', '-w', '%{http_code}')).toBe('000');
});

test('presents a renewed certificate, and no request fails meanwhile', async () => {
  const presented = async () =>
    (await call(`https://${HOST}/`, '-o', '/dev/null', '-v', '--stderr', '-')).match(/O=(\w+)/)?.[1];
  expect(await presented()).toBe('first');
  await applyObjects(certificate('second'));
  let [calls, failures] = [0, 0];
  await eventually('the second is presented', async () => {
    calls += 1;
    if (!(await call(`https://${HOST}/`)).includes('"version":"web"')) failures += 1;
    return (await presented()) === 'second';
  });
  expect([calls > 0, failures]).toEqual([true, 0]);
});

test('tells of routes what of them holds', async () => {
  await applyObjects(
    route('elsewhere', { parentRefs: [{ name: 'edge', sectionName: 'https' }], hostnames: ['other.example.com'] }),
  );
  const wanted = {
    shop: ['Accepted True', 'Programmed True', 'ResolvedRefs True'],
    elsewhere: ['Accepted False', 'Programmed False', 'ResolvedRefs True'],
  };
  let told: object = {};
  await eventually('both have their status', async () => {
    const conditions = async (name: keyof typeof wanted) => {
      const { status } = await getObject<HTTPRoute>('-n', NS, 'httproute', name);
      const own = status?.parents?.find(({ controllerName }) => controllerName === 'weft.dev/gateway');
      return (own?.conditions ?? []).map((condition) => `${condition.type} ${condition.status}`).sort();
    };
    told = { shop: await conditions('shop'), elsewhere: await conditions('elsewhere') };
    return isDeepStrictEqual(told, wanted);
  }).catch(() => undefined);
  expect(told).toEqual(wanted);
});

test('goes with its Gateway', async () => {
  await kube('-n', NS, 'delete', 'gateway', 'edge');
  await eventually('its pods are gone', async () => {
    const left = await kube(
      '-n',
      NS,
      'get',
      'deployments,services,serviceaccounts,pods',
      '-l',
      'weft.dev/gateway=edge',
      '-o',
      'name',
    );
    return left === '';
  });
});
