import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { HTTPRoute } from '../../src/api/kubernetes.ts';
import { applyObjects, eventually, execInPod, kube, namespace, pod, podsReady, TEST_CLUSTER } from './cluster.ts';

jest.setTimeout(300_000);

const NS = 'routes';
const CALLS = 2_000;

/** Backends by weight; a rule without `prefix` is for every path. */
interface Rule {
  readonly prefix?: string;
  readonly backends: Readonly<Record<string, number>>;
}

beforeAll(async () => {
  await applyObjects(namespace(NS, { 'weft.dev/inject': 'enabled' }));
  await applyObjects(
    service('web', { app: 'web' }),
    service('web-v1', { app: 'web', version: 'v1' }),
    service('web-v2', { app: 'web', version: 'v2' }),
    pod(`${NS}/web-v1`, { labels: { app: 'web', version: 'v1' }, env: { VERSION: 'v1' }, probe: true }),
    pod(`${NS}/web-v2`, { labels: { app: 'web', version: 'v2' }, env: { VERSION: 'v2' }, probe: true }),
    pod(`${NS}/client`),
  );
  await podsReady(NS);
  await eventually('the Service answers', async () => (await get('/')).code === 0);
});

afterAll(async () => {
  await kube('delete', 'namespace', NS, '--wait=false');
});

function service(name: string, selector: Readonly<Record<string, string>>): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: NS },
    spec: { selector, ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
  };
}

function inClient(...command: string[]): ReturnType<typeof execInPod> {
  return execInPod(TEST_CLUSTER, `${NS}/client`, ['/bin/echo-app', ...command], 'main');
}

function get(path: string): Promise<{ code: number; output: string }> {
  return inClient('get', '-url', `http://web.${NS}${path}`);
}

/** Undefined for an answer without an error, or none. */
async function failureStatus(path: string): Promise<string | undefined> {
  return /status (\d+)/.exec((await get(path)).output)?.[1];
}

/** How many of `count` calls each version answered; `error` those without a 200, `reasons` why. */
async function load(count: number, path = '/'): Promise<{ counts: Record<string, number>; reasons: string }> {
  const { output } = await inClient('load', '-url', `http://web.${NS}${path}`, '-n', String(count), '-c', '8');
  const lines = output.split('\n');
  const counts = lines.find((line) => line.startsWith('{')) ?? output;
  return {
    counts: JSON.parse(counts) as Record<string, number>,
    reasons: lines.filter((line) => line !== counts).join('\n'),
  };
}

function httpRoute(rules: readonly object[]): object {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: 'web', namespace: NS },
    spec: { parentRefs: [{ group: '', kind: 'Service', name: 'web', port: 80 }], rules },
  };
}

let applied = 0;

/**
 * Returns when the client's proxy has the rules. It has them all at once, so one more rule, for a path of its own and
 * without a backend, tells: that path is a 500 from then on. The operator looks for a new kind once a minute.
 */
async function route(...rules: readonly Rule[]): Promise<void> {
  applied += 1;
  const mark = `/applied-${applied}`;
  const wanted = rules.map(({ prefix, backends }) => ({
    ...(prefix === undefined ? {} : { matches: [{ path: { type: 'PathPrefix', value: prefix } }] }),
    backendRefs: Object.entries(backends).map(([name, weight]) => ({ name, port: 80, weight })),
  }));
  await applyObjects(httpRoute([...wanted, { matches: [{ path: { type: 'Exact', value: mark } }] }]));
  const isThere = async () => (await failureStatus(mark)) === '500';
  await eventually(`the proxy has route ${applied}`, isThere, 90_000);
}

/** `status/reason` of what Weft says of the route, by type; empty while it speaks of an older form of it. */
async function conditions(): Promise<Readonly<Record<string, string>>> {
  const { metadata, status } = JSON.parse(await kube('-n', NS, 'get', 'httproute', 'web', '-o', 'json')) as HTTPRoute;
  const ours = status?.parents?.find(({ controllerName }) => controllerName === 'weft.dev/mesh')?.conditions ?? [];
  const current = ours.filter(({ observedGeneration }) => observedGeneration === metadata.generation);
  return Object.fromEntries(current.map(({ type, status: verdict, reason }) => [type, `${verdict}/${reason}`]));
}

/** Of a share: 4 standard deviations of a binomial distribution over `CALLS`. */
function tolerance(share: number): number {
  return 4 * Math.sqrt(CALLS * share * (1 - share));
}

describe('an HTTPRoute whose parent is a Service', () => {
  test('sends each backend its share: within 4 standard deviations over 2,000 calls', async () => {
    await route({ backends: { 'web-v1': 80, 'web-v2': 20 } });
    const { counts, reasons } = await load(CALLS);
    const { v1 = 0, v2 = 0 } = counts;
    expect({ all: v1 + v2, reasons }).toEqual({ all: CALLS, reasons: '' });
    expect(Math.abs(v2 - CALLS * 0.2)).toBeLessThanOrEqual(tolerance(0.2));
  });

  test('matches a path prefix by whole elements, and answers 404 to what no rule matches', async () => {
    await route({ prefix: '/app', backends: { 'web-v1': 1 } }, { prefix: '/app/beta', backends: { 'web-v2': 1 } });
    expect((await load(50, '/app')).counts).toEqual({ v1: 50 });
    expect((await load(50, '/app/beta')).counts).toEqual({ v2: 50 });
    expect((await load(50, '/app/beta/more?q=1')).counts).toEqual({ v2: 50 });
    expect((await load(50, '/app/betamax')).counts).toEqual({ v1: 50 });
    expect(await failureStatus('/other')).toBe('404');
    expect(await failureStatus('/apple')).toBe('404');
  });

  test('gives a backend that names nothing its share, as 500', async () => {
    await route({ backends: { 'web-v1': 75, nowhere: 25 } });
    const { counts, reasons } = await load(CALLS);
    const { v1 = 0, error = 0 } = counts;
    expect(v1 + error).toBe(CALLS);
    expect(Math.abs(error - CALLS * 0.25)).toBeLessThanOrEqual(tolerance(0.25));
    expect(reasons).toBe(`echo: ${error} times: status 500`);
  });

  test('answers 500 where all backends name nothing, and where there is none', async () => {
    await route({ prefix: '/nowhere', backends: { nowhere: 1 } }, { prefix: '/none', backends: {} });
    expect(await failureStatus('/nowhere')).toBe('500');
    expect(await failureStatus('/none')).toBe('500');
  });

  test('says in its status what is in force, and what of it names nothing', async () => {
    await route({ backends: { 'web-v1': 1 } });
    await eventually('the route is programmed', async () => (await conditions())['Programmed'] === 'True/Programmed');
    expect(await conditions()).toEqual({
      Accepted: 'True/Accepted',
      Programmed: 'True/Programmed',
      ResolvedRefs: 'True/ResolvedRefs',
    });
    await route({ backends: { 'web-v1': 1, nowhere: 1 } });
    const isUnresolved = async () => (await conditions())['ResolvedRefs'] === 'False/BackendNotFound';
    await eventually('the status speaks of the backend', isUnresolved);
    expect((await conditions())['Accepted']).toBe('True/Accepted');
  });

  test('leaves calls of the backends themselves alone', async () => {
    await route({ backends: { 'web-v2': 1 } });
    const { stdout } = await inClient('load', '-url', `http://web-v1.${NS}/`, '-n', '50');
    expect(JSON.parse(stdout)).toEqual({ v1: 50 });
  });

  test('gives the Service back when it is deleted', async () => {
    await route({ backends: { 'web-v1': 1 } });
    expect((await load(100)).counts).toEqual({ v1: 100 });
    await kube('-n', NS, 'delete', 'httproute', 'web');
    await eventually('the Service answers with all its pods', async () => {
      const { v1 = 0, v2 = 0 } = (await load(50)).counts;
      return v1 > 0 && v2 > 0;
    });
    const { counts, reasons } = await load(CALLS);
    const { v1 = 0, v2 = 0 } = counts;
    expect({ all: v1 + v2, reasons }).toEqual({ all: CALLS, reasons: '' });
    expect(Math.abs(v2 - CALLS * 0.5)).toBeLessThanOrEqual(tolerance(0.5));
    expect((await get(`/applied-${applied}`)).code).toBe(0);
  });
});

describe('a TrafficSplit of the Service Mesh Interface', () => {
  const smi = (kind: string, group: string, name: string, spec: object) => {
    return { apiVersion: `${group}/v1alpha4`, kind, metadata: { name, namespace: NS }, spec };
  };

  test('gives its root service to its backends by weight, and calls that no group matches to itself', async () => {
    const backends = [
      { service: 'web-v1', weight: 0 },
      { service: 'web-v2', weight: 100 },
    ];
    const matches = [{ kind: 'HTTPRouteGroup', name: 'beta' }];
    await applyObjects(
      smi('TrafficSplit', 'split.smi-spec.io', 'web', { service: 'web', matches, backends }),
      smi('HTTPRouteGroup', 'specs.smi-spec.io', 'beta', { matches: [{ name: 'beta', pathRegex: '/beta/.*' }] }),
    );
    const isSplit = async () => (await load(50, '/beta/x')).counts['v2'] === 50;
    await eventually('calls of the group go to the second version', isSplit);
    const { v1 = 0, v2 = 0 } = (await load(100, '/other')).counts;
    expect([v1 > 0, v2 > 0, v1 + v2]).toEqual([true, true, 100]);
  });

  test('says in an event what of it is not there, as it has no status', async () => {
    await kube('-n', NS, 'delete', 'httproutegroup', 'beta');
    await eventually('an event names the group', async () => {
      const events = await kube('-n', NS, 'get', 'events', '-o', 'jsonpath={.items[*].message}');
      return events.includes("there is no HTTPRouteGroup 'routes/beta'");
    });
    await kube('-n', NS, 'delete', 'trafficsplits.split.smi-spec.io', 'web');
  });
});
