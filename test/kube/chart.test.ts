import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { kubectl } from '../../lab/cluster/cluster.ts';
import { run } from '../../lab/setup/shell.ts';
import { WEFT_KINDS } from '../../src/api/kinds.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { applyObject, StatusWriter } from '../../src/kube/apply.ts';
import { EventRecorder } from '../../src/kube/events.ts';
import { collectionPath, type Kind, KINDS, objectPath } from '../../src/kube/kinds.ts';
import { LeaderElection } from '../../src/kube/lease.ts';
import { compareAndSwapConfigMap } from '../../src/kube/registry.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../kube-room/fake-clock.ts';
import { parseManifests } from '../support/manifests.ts';
import { CHART, connect, connectAs, create, KUBE_CLUSTER, kube, makeNamespace, refusal } from './cluster.ts';

/** A number, as a namespace may be: whoever forgets quotes in a template is found out. */
const NAMESPACE = '1234';
const api = connect();
const operator = connectAs(NAMESPACE, 'weft-operator');
const agent = connectAs(NAMESPACE, 'weft-agent');
const never = new AbortController().signal;

/** What the chart makes of some values, or why it does not. */
async function render(...args: string[]): Promise<{ readonly text: string; readonly fault: string }> {
  const { gitVersion } = await api.request<{ readonly gitVersion: string }>('GET', '/version');
  const all = ['template', 'weft', CHART, '--namespace', NAMESPACE, '--kube-version', gitVersion, ...args];
  const { code, stdout, stderr } = await run('helm', all, { allowFailure: true });
  return { text: stdout, fault: code === 0 ? '' : stderr };
}

beforeAll(async () => {
  await makeNamespace(api, NAMESPACE);
  const { text } = await render();
  const rights = parseManifests(text).filter(({ kind = '' }) => /Role|ServiceAccount/.test(kind));
  const list = { apiVersion: 'v1', kind: 'List', items: rights };
  await kubectl(KUBE_CLUSTER, ['apply', '-f', '-'], JSON.stringify(list));
}, 30_000);

afterAll(async () => {
  await kube('delete', 'clusterrole,clusterrolebinding', 'weft-operator');
  await kube('delete', 'namespace', NAMESPACE, '--wait=false');
  await operator.close();
  await agent.close();
  await api.close();
}, 30_000);

describe('the rendered chart', () => {
  test('is the same each time', async () => {
    expect((await render()).text).toBe((await render()).text);
  });

  test('has every definition of crds/, kept when the chart goes', async () => {
    const definitions = parseManifests((await render()).text).filter(({ kind }) => kind === 'CustomResourceDefinition');
    expect(definitions).toHaveLength(Object.keys(WEFT_KINDS).length);
    for (const { metadata } of definitions) {
      expect(metadata.annotations).toMatchObject({ 'helm.sh/resource-policy': 'keep' });
    }
  });

  test('has the definition of ClusterNetworkPolicy when it is asked to, kept too', async () => {
    const { text } = await render('--set', 'clusterNetworkPolicy.installCRD=true');
    const definitions = parseManifests(text).filter(({ kind }) => kind === 'CustomResourceDefinition');
    expect(definitions).toHaveLength(Object.keys(WEFT_KINDS).length + 1);
    const found = definitions.find(({ metadata }) => metadata.name.endsWith('.policy.networking.k8s.io'));
    expect(found?.metadata.annotations).toMatchObject({ 'helm.sh/resource-policy': 'keep' });
  });

  test.each([
    ['its own values', []],
    ['the definition of ClusterNetworkPolicy', ['clusterNetworkPolicy.installCRD=true']],
    ['an address of the API server', ['kubernetesApi.host=10.0.0.1', 'kubernetesApi.port=443']],
    ['values that look like other types', ['trustDomain=1.5', 'image.tag=1', 'proxy.image=1']],
    ['folders with odd names', ['agent.cniConfigFolder=/etc/a: b #c', 'agent.cniBinFolder=/opt/{x}']],
    ['an image by its digest', [`proxy.image=example.com:5000/envoy@sha256:${'0'.repeat(64)}`]],
  ])('is taken by the API server with %s', async (_, values) => {
    const typed = values.flatMap((value) => [/\.port=|=true$/.test(value) ? '--set' : '--set-string', value]);
    const { text, fault } = await render(...typed);
    expect(fault).toBe('');
    const taken = await kubectl(KUBE_CLUSTER, ['apply', '--dry-run=server', '-f', '-'], text);
    expect(taken.trim().split('\n')).toHaveLength(parseManifests(text).length);
  });

  test.each([
    ['nonsense=1', 'nonsense'],
    ['operator.replica=2', 'replica'],
    ['operator.replicas=0', '/operator/replicas'],
    ['operator.replicas=two', '/operator/replicas'],
    ['operator.logLevel=loud', '/operator/logLevel'],
    ['agent.streamPort=65536', '/agent/streamPort'],
    ['agent.healthPort=0', '/agent/healthPort'],
    ['agent.cniConfigFolder=etc/cni', '/agent/cniConfigFolder'],
    ['image.tag=1', '/image/tag'],
    ['image.repository=', '/image/repository'],
    ['image.pullPolicy=Sometimes', '/image/pullPolicy'],
    ['proxy.uid=0', '/proxy/uid'],
    ['proxy.image=', '/proxy/image'],
    ['proxy.logLevel=warn', '/proxy/logLevel'],
    ['kubernetesApi.hots=a', 'hots'],
    ['kubernetesApi.port=99999', '/kubernetesApi/port'],
    ['trustDomain=Example_Org', '/trustDomain'],
    ['trustDomain=', '/trustDomain'],
  ])('is refused with %s, and the fault names the value', async (value, named) => {
    const { fault } = await render('--set', value);
    expect(fault).toContain(named);
  });
});

describe("the operator's service account", () => {
  const WEFT = 'weft.dev';
  const may = (verbs: string, resource: string, namespace?: string, name?: string) =>
    verbs.split(' ').map((verb) => ({ verb, resource, namespace, name }));
  type Right = ReturnType<typeof may>[number];

  /** As `kubectl auth can-i VERB RESOURCE --as=…` asks. */
  async function isAllowed({ verb, resource: text, namespace, name }: Right, client = operator): Promise<boolean> {
    const [plural = '', ...group] = text.split('.');
    const [resource, subresource] = plural.split('/');
    const resourceAttributes = { verb, group: group.join('.'), resource, subresource, namespace, name };
    const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
    const body = { spec: { resourceAttributes } };
    return (await client.request<{ status: { allowed: boolean } }>('POST', path, { body })).status.allowed;
  }

  const READ = 'get list watch';
  const CLUSTER_KINDS = ['ippools', 'ipblocks', 'nodenetworks', 'bgpconfigurations', 'bgppeers'].map(
    (plural) => `${plural}.${WEFT}`,
  );
  const KINDS_READ = [
    ...['pods', 'namespaces', 'nodes', 'services', 'endpointslices.discovery.k8s.io'],
    ...['networkpolicies.networking.k8s.io', 'servicecidrs.networking.k8s.io', ...CLUSTER_KINDS],
    'clusternetworkpolicies.policy.networking.k8s.io',
    ...['httproutes', 'grpcroutes', 'tlsroutes', 'referencegrants', 'gateways', 'gatewayclasses'].map(
      (plural) => `${plural}.gateway.networking.k8s.io`,
    ),
    ...['trafficsplits.split.smi-spec.io', 'httproutegroups.specs.smi-spec.io'],
    ...['networkpolicies', 'meshservices', 'trafficsplits'].map((plural) => `${plural}.${WEFT}`),
  ];

  test.each(['httproutes', 'grpcroutes', 'tlsroutes', 'gateways'])(
    'may write the statuses of %s, which it shares with other controllers, by patch',
    async (plural) => {
      const [right] = may('patch', `${plural}/status.gateway.networking.k8s.io`, 'default');
      expect(right && (await isAllowed(right))).toBe(true);
    },
  );

  test('may write the statuses of ClusterNetworkPolicies, by patch', async () => {
    const [right] = may('patch', 'clusternetworkpolicies/status.policy.networking.k8s.io');
    expect(right && (await isAllowed(right))).toBe(true);
  });

  test('may hand over a range that is lent, by patch', async () => {
    const [right] = may('patch', `ipblocks.${WEFT}`);
    expect(right && (await isAllowed(right))).toBe(true);
  });

  test('may read all that the operator follows', async () => {
    for (const kind of KINDS_READ) {
      for (const right of may(READ, kind)) expect([right, await isAllowed(right)]).toEqual([right, true]);
    }
  }, 60_000);

  test.each([
    ...['default', 'kube-system'].flatMap((where) =>
      may('get list watch create update patch delete', 'secrets', where),
    ),
    ...may('list watch update patch delete', 'secrets', NAMESPACE),
    ...['default', 'kube-system'].flatMap((where) => may('get list create update patch delete', 'configmaps', where)),
    ...may('delete', 'configmaps', NAMESPACE),
    ...may('create update patch delete', 'pods'),
    ...may('create', 'pods/exec'),
    ...may('create', 'serviceaccounts/token'),
    ...may('create update delete', 'nodes'),
    ...may('update delete', `nodenetworks.${WEFT}`),
    ...may('create update patch delete', `bgpconfigurations.${WEFT}`),
    ...may('create update patch delete', `bgppeers.${WEFT}`),
    ...may('create update patch delete escalate bind', 'clusterroles.rbac.authorization.k8s.io'),
    ...may('get', 'clusterroles.rbac.authorization.k8s.io', undefined, 'cluster-admin'),
    ...may('create update delete', 'networkpolicies.networking.k8s.io'),
    ...may('create update patch delete', `meshservices.${WEFT}`),
    ...may('create update delete', `ippools.${WEFT}`),
    ...may('update', `ipblocks.${WEFT}`),
    ...may('create update patch delete', 'httproutes.gateway.networking.k8s.io'),
    ...may('update', 'httproutes/status.gateway.networking.k8s.io'),
    ...may('create update patch delete', 'clusternetworkpolicies.policy.networking.k8s.io'),
    ...may('impersonate', 'users'),
  ])('may not $verb $resource in $namespace', async (right) => {
    expect(await isAllowed(right)).toBe(false);
  });

  test.each([
    ...may(READ, 'pods'),
    ...may('get', 'secrets', NAMESPACE),
    ...may('get', 'nodes'),
    ...may('list', `ippools.${WEFT}`),
  ])("is another than the agent's, which may not even $verb $resource", async (right) => {
    expect(await isAllowed(right, agent)).toBe(false);
  });

  test('is enough for what the operator writes', async () => {
    const apply = { api: operator, fieldManager: 'weft-test' };
    const apiVersion = KINDS.ipPool.apiVersion;
    const name = 'rights';
    const pool = await create(api, KINDS.ipPool, {
      apiVersion,
      kind: 'IPPool',
      metadata: { name },
      spec: { cidr: '10.9.0.0/16' },
    });
    const held = { metadata: { name, finalizers: ['weft.dev/in-use'] } };
    await applyObject(apply, KINDS.ipPool, held, never);
    await applyObject(apply, KINDS.ipPool, { metadata: { name } }, never);
    const blank = { conditions: [] };
    const fresh = await operator.request<typeof pool>('GET', objectPath(KINDS.ipPool, { name }));
    await new StatusWriter({ ...apply, clock: systemClock }).write(KINDS.ipPool, fresh, blank, never);

    const block = { cidr: '10.9.0.0/26', poolName: name, poolUid: 'p', nodeName: 'n', nodeUid: 'u' };
    const blockName = { name: '10-9-0-0-26' };
    await create(operator, KINDS.ipBlock, { apiVersion, kind: 'IPBlock', metadata: blockName, spec: block });
    await operator.request('DELETE', objectPath(KINDS.ipBlock, blockName));
    await api.request('DELETE', objectPath(KINDS.ipPool, { name }));

    const registry = { namespace: NAMESPACE, name: 'weft-ippools', field: 'ranges' };
    for (const text of ['a', 'b']) await compareAndSwapConfigMap(operator, registry, () => text, never);
    await create(operator, KINDS.secret, { metadata: { namespace: NAMESPACE, name: 'weft-authority' } });
    await operator.request('GET', objectPath(KINDS.secret, { namespace: NAMESPACE, name: 'weft-authority' }));
    await applyObject(apply, WEBHOOK, { metadata: { name: 'weft-test' } }, never);
    await operator.request('DELETE', objectPath(WEBHOOK, { name: 'weft-test' }));
    await operator.request('GET', '/apis/rbac.authorization.k8s.io/v1/clusterroles/weft-operator');
    await operator.request('GET', '/openid/v1/jwks');
  });

  test('is enough to record Events in any namespace, and to lead', async () => {
    const lost: unknown[] = [];
    const log = { ...silentLog, debug: (_: string, fields?: object) => lost.push(fields) };
    const recorder = new EventRecorder({
      api: operator,
      clock: systemClock,
      log,
      controller: 'weft.dev/test',
      instance: 'x',
    });
    const facts = { type: 'Normal', reason: 'Tested', action: 'Test', message: 'tested' } as const;
    recorder.record(KINDS.ipPool, { metadata: { name: 'none', uid: 'none' } } as never, facts);
    await recorder.drained();
    expect(lost).toEqual([]);

    const stop = new AbortController();
    let led = false;
    await new LeaderElection({
      ...{ api: operator, clock: systemClock, random: () => 0.5, log: silentLog },
      ...{ namespace: NAMESPACE, name: 'weft-operator', identity: 'test' },
    }).run(async () => {
      led = true;
      stop.abort();
    }, stop.signal);
    expect(led).toBe(true);
  });

  test('is refused by the API server where it has no right, by a message that names it', async () => {
    const said = await refusal(operator.request('GET', collectionPath(KINDS.secret, 'kube-system')));
    expect(said).toContain(`system:serviceaccount:${NAMESPACE}:weft-operator`);
  });
});

const WEBHOOK: Kind<KubeObject> = {
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'MutatingWebhookConfiguration',
  plural: 'mutatingwebhookconfigurations',
  namespaced: false,
  optional: false,
};
