import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { apiAddress } from '../../lab/cluster/config.ts';
import { waitForRollout, WEFT_NAMESPACE } from '../../lab/cluster/install.ts';
import type { MeshService } from '../../src/api/generated/meshservice.ts';
import { ConsulLab } from '../support/consul-lab.ts';
import { EurekaLab } from '../support/eureka-lab.ts';
import {
  applyObjects,
  eventually,
  execInPod,
  getObject,
  httpGet,
  kube,
  namespace,
  pod,
  podAddress,
  podsReady,
  TEST_CLUSTER,
} from './cluster.ts';

jest.setTimeout(180_000);

/** Servers are in a namespace without proxies: what is registered may be anywhere. */
const [NS, SERVERS] = ['registered', 'registered-servers'];
const MACHINE = apiAddress(TEST_CLUSTER);
const EUREKA_PORT = 18_762;
const CONSUL_PORT = 18_510;
const PASSWORD = 'open sesame';
let eureka: EurekaLab | undefined;
let consul: ConsulLab | undefined;

beforeAll(async () => {
  eureka = await EurekaLab.start(EUREKA_PORT, PASSWORD, MACHINE);
  consul = await ConsulLab.start(CONSUL_PORT, MACHINE);
  await applyObjects(namespace(NS, { 'weft.dev/inject': 'enabled' }), namespace(SERVERS));
  const [one, two] = TEST_CLUSTER.nodes;
  const servers = [one, two].map((node, index) => {
    const name = index === 0 ? 'one' : 'two';
    return pod(`${SERVERS}/${name}`, { env: { VERSION: name }, ...(node === undefined ? {} : { node }) });
  });
  await applyObjects(...servers, pod(`${NS}/client`));
  await Promise.all([NS, SERVERS].map(podsReady));
});

afterAll(async () => {
  await eureka?.stop();
  await consul?.close();
  await kube('delete', 'namespace', NS, SERVERS);
});

/** Which of the two answer is a matter of chance. */
const ANSWERED = /^(one|two|one,two)$/;

/** Versions of ten answers; `''` for a call without one. */
async function called(host: string): Promise<string> {
  const found = new Set<string>();
  for (let call = 0; call < 10; call += 1) {
    const { code, stdout } = await execInPod(TEST_CLUSTER, `${NS}/client`, httpGet(`http://${host}/`), 'main');
    found.add(code === 0 ? (JSON.parse(stdout) as { version: string }).version : '');
  }
  return [...found].sort().join();
}

async function statusOf(name: string) {
  const { status } = await getObject<MeshService>('-n', NS, 'meshservice', name);
  const source = status?.conditions?.find(({ type }) => type === 'SourceReachable');
  return { ...status, source };
}

function leader(): Promise<string> {
  return kube('-n', WEFT_NAMESPACE, 'get', 'lease', 'weft-operator', '-o', 'jsonpath={.spec.holderIdentity}');
}

/** All of them at once, so that nobody is left who knows anything. */
async function restartOperators(): Promise<void> {
  const before = await leader();
  await kube('-n', WEFT_NAMESPACE, 'delete', 'pod', '-l', 'app=weft-operator', '--force', '--grace-period=0');
  await waitForRollout(TEST_CLUSTER, WEFT_NAMESPACE, 'deployment/weft-operator');
  await eventually('another one leads', async () => !['', before].includes(await leader()));
}

/** Leave to read one Secret of the namespace. */
function letOperatorRead(name: string): readonly object[] {
  const metadata = { name: `weft-reads-${name}`, namespace: NS };
  const api = 'rbac.authorization.k8s.io';
  const rules = [{ apiGroups: [''], resources: ['secrets'], resourceNames: [name], verbs: ['get'] }];
  const roleRef = { apiGroup: api, kind: 'Role', name: metadata.name };
  const subjects = [{ kind: 'ServiceAccount', name: 'weft-operator', namespace: WEFT_NAMESPACE }];
  return [
    { apiVersion: `${api}/v1`, kind: 'Role', metadata, rules },
    { apiVersion: `${api}/v1`, kind: 'RoleBinding', metadata, roleRef, subjects },
  ];
}

function service(name: string, source: object): object {
  return {
    apiVersion: 'weft.dev/v1alpha1',
    kind: 'MeshService',
    metadata: { name, namespace: NS },
    spec: { source, hosts: [`${name}.example.test`], ports: [{ port: 80, protocol: 'HTTP' }], retry: { attempts: 0 } },
  };
}

function secret(name: string, stringData: Readonly<Record<string, string>>): object {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: NS }, stringData };
}

describe('a service that is found in Eureka', () => {
  test('is called where its instances are UP, once the operator may read the password', async () => {
    await eureka?.register('catalog', { id: 'one', address: await podAddress(`${SERVERS}/one`) });
    await eureka?.register('catalog', {
      ...{ id: 'two', address: await podAddress(`${SERVERS}/two`), status: 'OUT_OF_SERVICE' },
    });
    const serviceUrls = [`http://${MACHINE}:${EUREKA_PORT}/eureka`];
    const source = { eureka: { application: 'catalog', serviceUrls, credentialsSecret: { name: 'eureka' } } };
    await applyObjects(secret('eureka', { username: 'weft', password: PASSWORD }), service('catalog', source));
    await eventually('the right that is missing is named', async () => {
      const { source: condition } = await statusOf('catalog');
      return condition?.status === 'False' && condition.message.includes(`may not read Secret '${NS}/eureka'`);
    });
    await applyObjects(...letOperatorRead('eureka'));
    await eventually('the one is called', async () => (await called('catalog.example.test')) === 'one');
    expect(await statusOf('catalog')).toMatchObject({
      endpoints: { total: 1, known: 2 },
      source: { status: 'True', reason: 'SourceReachable' },
    });
    await eureka?.setStatus('catalog', 'two', 'UP');
    await eventually('both are called', async () => (await called('catalog.example.test')) === 'one,two');
  });

  test('is called where it was found last while Eureka is away, by operators too that never saw it', async () => {
    await eureka?.stop();
    await eventually('it is told', async () => (await statusOf('catalog')).source?.status === 'False');
    await restartOperators();
    // Longer than a new operator takes to ask in vain, and to tell the nodes what it has.
    for (let second = 0; second < 10; second += 1) {
      expect(await called('catalog.example.test')).toMatch(ANSWERED);
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
    expect(await statusOf('catalog')).toMatchObject({ endpoints: { total: 2, known: 2 }, source: { status: 'False' } });
    eureka = await EurekaLab.start(EUREKA_PORT, PASSWORD, MACHINE);
    await eureka.register('catalog', { id: 'two', address: await podAddress(`${SERVERS}/two`) });
    await eventually('it is found again', async () => (await called('catalog.example.test')) === 'two');
    expect((await statusOf('catalog')).source?.status).toBe('True');
  });

  test('its password is in no log of the operators', async () => {
    const logs = await kube('-n', WEFT_NAMESPACE, 'logs', '-l', 'app=weft-operator', '--tail=-1');
    expect(logs).toContain('Eureka');
    expect(logs).not.toContain(PASSWORD);
    expect(logs).not.toContain(Buffer.from(`weft:${PASSWORD}`).toString('base64'));
  });
});

describe('a service that is found in Consul', () => {
  test('is called where its instances are passing, by a name of its own in the cluster', async () => {
    await consul?.register('orders', { id: 'one', address: await podAddress(`${SERVERS}/one`), tags: ['primary'] });
    await consul?.register('orders', {
      ...{ id: 'two', address: await podAddress(`${SERVERS}/two`), tags: ['primary'], health: 'critical' },
    });
    const token =
      (await consul?.createToken('service "orders" { policy = "read" } node_prefix "" { policy = "read" }')) ?? '';
    // By a Service without pods: the operator has to find its cluster IP, as its node's DNS does not know it.
    const ports = [{ port: 8500, targetPort: CONSUL_PORT }];
    const labels = { 'kubernetes.io/service-name': 'consul' };
    await applyObjects(
      { apiVersion: 'v1', kind: 'Service', metadata: { name: 'consul', namespace: NS }, spec: { ports } },
      {
        ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4' },
        metadata: { name: 'consul', namespace: NS, labels },
        ports: [{ port: CONSUL_PORT, protocol: 'TCP' }],
        endpoints: [{ addresses: [MACHINE], conditions: { ready: true } }],
      },
      ...letOperatorRead('consul'),
      secret('consul', { token }),
      service('orders', {
        consul: {
          ...{ service: 'orders', address: `http://consul.${NS}.svc:8500`, datacenter: 'dc1', tags: ['primary'] },
          tokenSecret: { name: 'consul' },
        },
      }),
    );
    await eventually('the one is called', async () => (await called('orders.example.test')) === 'one');
    expect(await statusOf('orders')).toMatchObject({
      ...{ endpoints: { total: 1, known: 2 }, source: { status: 'True' } },
      found: { for: 'Consul service orders in dc1 with primary' },
    });
    await consul?.register('orders', { id: 'two', address: await podAddress(`${SERVERS}/two`), tags: ['primary'] });
    await eventually('both are called', async () => (await called('orders.example.test')) === 'one,two');
  });

  test('is called where it was found last while Consul is away', async () => {
    await consul?.stop();
    await eventually('it is told', async () => (await statusOf('orders')).source?.status === 'False');
    expect(await called('orders.example.test')).toMatch(ANSWERED);
    await consul?.start();
    await consul?.deregister('one');
    await eventually('it is followed again', async () => (await called('orders.example.test')) === 'two');
  });
});
