import { describe, expect, test } from '@jest/globals';
import type { Container, Pod } from '../../../src/api/kubernetes.ts';
import { injectPatch } from '../../../src/webhook/inject/patch.ts';
import type { ProxyConfig } from '../../../src/model/mesh/proxy-container.ts';
import type { PatchOperation } from '../../../src/webhook/review.ts';

const CONFIG: ProxyConfig = {
  image: 'envoy:test',
  uid: 1337,
  logLevel: 'warning',
  resources: { requests: { cpu: '10m' } },
  workers: 2,
  bootstrap: '{}',
  ready: { port: 15021, path: '/ready' },
  drain: { port: 15022, path: '/drain' },
};
const WEB: Container = { name: 'web', image: 'web' };
/** What an application gets that says nothing of its end. */
const LIFECYCLE = { preStop: { httpGet: { path: '/drain?seconds=10', port: 15022 } } };
const MIGRATE: Container = { name: 'migrate' };

function pod(spec: Partial<Pod['spec']> = {}, labels?: Record<string, string>): Pod {
  return {
    metadata: { name: 'web-1', namespace: 'shop', ...(labels && { labels }) },
    spec: { containers: [WEB], ...spec },
  };
}

/** RFC 6902, as far as it is used: the API server applies an `add` into a list as an insertion. */
function patched(before: Pod, patch: readonly PatchOperation[]): Pod {
  const after = structuredClone(before);
  for (const { op, path, value } of patch) {
    const keys = path.split('/').slice(1);
    const last = (keys.pop() ?? '').replaceAll('~1', '/').replaceAll('~0', '~');
    let parent = after as unknown as Record<string, unknown>;
    for (const key of keys) {
      if (parent[key] === undefined) throw new Error(`${path}: there is no ${key}`);
      parent = parent[key] as Record<string, unknown>;
    }
    if (Array.isArray(parent))
      parent.splice(Number(last), op === 'remove' ? 1 : 0, ...(op === 'remove' ? [] : [value]));
    else if (op === 'remove') delete parent[last];
    else parent[last] = value;
  }
  return after;
}

function injected(before: Pod): Pod {
  const injection = injectPatch(before, CONFIG);
  if ('problem' in injection) throw new Error(injection.problem.message);
  return patched(before, injection.patch);
}

function problemOf(before: Pod) {
  const injection = injectPatch(before, CONFIG);
  return 'problem' in injection ? injection.problem : undefined;
}

describe('a pod that gets the proxy', () => {
  test('has it as its first init container, and bears the mark as a label', () => {
    for (const initContainers of [undefined, [], [MIGRATE]]) {
      for (const labels of [undefined, {}, { app: 'web' }]) {
        const after = injected(pod(initContainers && { initContainers }, labels));
        expect(after.spec.initContainers?.map(({ name }) => name)).toEqual([
          'weft-proxy',
          ...(initContainers ?? []).map(({ name }) => name),
        ]);
        expect(after.metadata.labels).toEqual({ ...labels, 'weft.dev/proxy': 'injected' });
        expect(after.spec.containers).toEqual([{ ...WEB, lifecycle: LIFECYCLE }]);
      }
    }
  });

  test('starts it as a sidecar that others wait for, without any privilege', () => {
    expect(injected(pod()).spec.initContainers?.[0]).toMatchObject({
      image: 'envoy:test',
      restartPolicy: 'Always',
      startupProbe: { httpGet: { port: 15021, path: '/ready' }, periodSeconds: 1, failureThreshold: 60 },
      resources: { requests: { cpu: '10m' } },
      securityContext: {
        runAsUser: 1337,
        runAsNonRoot: true,
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
        seccompProfile: { type: 'RuntimeDefault' },
      },
    });
  });

  test('gets no second one when it is asked about again', () => {
    const once = injected(pod({ initContainers: [MIGRATE] }));
    expect(injectPatch(once, CONFIG)).toEqual({ patch: [], warnings: [] });
  });

  test('gets it to the front again, as others have changed it, when another webhook put a container before it', () => {
    const [proxy] = injected(pod()).spec.initContainers ?? [];
    const changed: Container = { ...proxy, name: 'weft-proxy', image: 'mirror.example/envoy:test' };
    const after = injected(pod({ initContainers: [MIGRATE, changed] }, { 'weft.dev/proxy': 'injected' }));
    expect(after.spec.initContainers).toEqual([changed, MIGRATE]);
  });
});

describe("a pod's annotations about its proxy", () => {
  const annotated = (annotations: Record<string, string>): Pod => {
    const before = pod();
    return { ...before, metadata: { ...before.metadata, annotations } };
  };

  test('say of its image, threads and resources what is not as for others', () => {
    const [proxy] =
      injected(
        annotated({
          'weft.dev/proxy-image': 'mirror.example/envoy:1',
          'weft.dev/proxy-concurrency': '4',
          'weft.dev/proxy-memory': '64Mi',
          'weft.dev/proxy-cpu-limit': '1.5',
        }),
      ).spec.initContainers ?? [];
    expect(proxy).toMatchObject({
      image: 'mirror.example/envoy:1',
      args: expect.arrayContaining(['--concurrency', '4']),
      resources: { requests: { cpu: '10m', memory: '64Mi' }, limits: { cpu: '1.5' } },
    });
  });

  test.each([
    ['weft.dev/proxy-image', ''],
    ['weft.dev/proxy-concurrency', '0'],
    ['weft.dev/proxy-concurrency', 'many'],
    ['weft.dev/proxy-cpu', '-1'],
    ['weft.dev/proxy-memory-limit', '64 MB'],
  ])("that are none refuse it: %s '%s'", (name, value) => {
    expect(problemOf(annotated({ [name]: value }))).toMatchObject({ path: `metadata.annotations['${name}']` });
  });
});

describe('the end of a pod that has the proxy', () => {
  const preStopOf = (spec: Partial<Pod['spec']>, annotations: Record<string, string> = {}) => {
    const before = pod(spec);
    const after = injected({ ...before, metadata: { ...before.metadata, annotations } });
    return after.spec.containers.map(({ lifecycle }) => lifecycle?.preStop);
  };
  const seconds = (count: number) => ({ httpGet: { path: `/drain?seconds=${count}`, port: 15022 } });

  test('is kept back until nobody sends to it, in each container that has no hook of its own', () => {
    const own = { exec: { command: ['sleep', '5'] } };
    const containers = [
      WEB,
      { name: 'busy', lifecycle: { preStop: own } },
      { name: 'late', lifecycle: { postStart: {} } as Container['lifecycle'] & object },
    ];
    expect(preStopOf({ containers })).toEqual([seconds(10), own, seconds(10)]);
  });

  test('takes no more than half of its grace period, or what its annotation says', () => {
    expect(preStopOf({ terminationGracePeriodSeconds: 5 })).toEqual([seconds(2)]);
    expect(preStopOf({ terminationGracePeriodSeconds: 1 })).toEqual([undefined]);
    expect(preStopOf({}, { 'weft.dev/drain-seconds': '12' })).toEqual([seconds(12)]);
    expect(preStopOf({}, { 'weft.dev/drain-seconds': '0' })).toEqual([undefined]);
  });

  test.each(['', 'soon', '-1', '1.5', '301'])("is refused with '%s' for seconds", (asked) => {
    const before = pod();
    const problem = problemOf({
      ...before,
      metadata: { ...before.metadata, annotations: { 'weft.dev/drain-seconds': asked } },
    });
    expect(problem?.path).toBe("metadata.annotations['weft.dev/drain-seconds']");
  });
});

describe('a pod that does not get the proxy', () => {
  test('refuses it by its label', () => {
    expect(injectPatch(pod({}, { 'weft.dev/inject': 'disabled' }), CONFIG)).toEqual({ patch: [], warnings: [] });
  });

  test('uses the network of its node, and its author is told', () => {
    const injection = injectPatch(pod({ hostNetwork: true }), CONFIG);
    expect(injection).toEqual({ patch: [], warnings: [expect.stringContaining('hostNetwork')] });
  });

  test.each<[string, Partial<Pod['spec']>, string]>([
    [
      'a container runs as its user',
      { containers: [WEB, { name: 'b', securityContext: { runAsUser: 1337 } }] },
      'spec.containers[1].securityContext.runAsUser',
    ],
    [
      'an init container runs as its user',
      { initContainers: [{ ...MIGRATE, securityContext: { runAsUser: 1337 } }] },
      'spec.initContainers[0].securityContext.runAsUser',
    ],
    [
      'the pod runs as its user',
      { securityContext: { runAsUser: 1337 } },
      'spec.containers[0].securityContext.runAsUser',
    ],
    ['a container has its name', { containers: [{ name: 'weft-proxy' }] }, 'spec.containers[0].name'],
    [
      "the author's own init container has its name",
      { initContainers: [{ name: 'weft-proxy' }] },
      'spec.initContainers[0].name',
    ],
  ])('is refused when %s', (_, spec, path) => {
    expect(problemOf(pod(spec))?.path).toBe(path);
  });

  test('is refused when the proxy that it has was made into something else', () => {
    const marked = { 'weft.dev/proxy': 'injected' };
    const proxy = { name: 'weft-proxy', restartPolicy: 'Always', securityContext: { runAsUser: 1337 } };
    expect(problemOf(pod({ initContainers: [proxy] }, marked))).toBeUndefined();
    const { restartPolicy: _, ...initOnly } = proxy;
    expect(problemOf(pod({ initContainers: [initOnly] }, marked))?.path).toBe('spec.initContainers[0].restartPolicy');
    const asRoot = { ...proxy, securityContext: { runAsUser: 0 } };
    expect(problemOf(pod({ initContainers: [asRoot] }, marked))?.reason).toBe('ProxyChanged');
  });

  test("is not refused for a pod's user that every container overrides", () => {
    const spec = {
      securityContext: { runAsUser: 1337 },
      containers: [{ ...WEB, securityContext: { runAsUser: 1000 } }],
    };
    expect(problemOf(pod(spec))).toBeUndefined();
  });
});
