import { describe, expect, test } from '@jest/globals';
import type { NetworkPolicy } from '../../src/api/generated/networkpolicy.ts';
import type { Pod, Service } from '../../src/api/kubernetes.ts';
import { PROXY_MARK } from '../../src/model/mesh/identity.ts';
import { explain, type PolicyWorld, renderExplanation } from '../../src/cli/explain.ts';

function pod(
  name: string,
  address: string,
  more: { labels?: Record<string, string>; hostNetwork?: boolean } = {},
): Pod {
  const { labels = { app: name }, hostNetwork = false } = more;
  return {
    metadata: { namespace: 'shop', name, uid: name, labels },
    spec: { nodeName: 'node-1', hostNetwork, containers: [] },
    status: { phase: 'Running', podIPs: [{ ip: address }] },
  };
}

/** As the injection leaves it. */
function withProxy(pod: Pod): Pod {
  return { ...pod, metadata: { ...pod.metadata, annotations: { [PROXY_MARK]: 'injected' } } };
}

const PODS = [
  pod('web', '10.0.0.1'),
  pod('db', '10.0.0.2'),
  pod('other', '10.0.0.3'),
  pod('host', '192.0.2.1', { hostNetwork: true }),
];
const SHOP = { metadata: { name: 'shop', labels: {} } };
const DB_FROM_WEB = {
  metadata: { namespace: 'shop', name: 'db' },
  spec: {
    podSelector: { matchLabels: { app: 'db' } },
    ingress: [{ from: [{ podSelector: { matchLabels: { app: 'web' } } }], ports: [{ port: 5432 }] }],
  },
};
const NO_OTHER = {
  apiVersion: 'weft.dev/v1alpha1' as const,
  kind: 'NetworkPolicy' as const,
  metadata: { namespace: 'shop', name: 'no-other' },
  spec: {
    priority: 10,
    podSelector: { matchLabels: { app: 'db' } },
    ingress: [
      { action: 'Deny' as const, from: [{ podSelector: { matchLabels: { app: 'other' } } }] },
      { action: 'Pass' as const },
    ],
  },
};
const condition = (type: string) => ({
  type,
  status: 'True' as const,
  reason: 'R',
  message: '',
  lastTransitionTime: '',
});

function world(objects: Partial<PolicyWorld['objects']> = {}): PolicyWorld {
  return {
    objects: { pods: { upserts: PODS }, namespaces: { upserts: [SHOP] }, ...objects },
    nodes: [{ metadata: { name: 'node-1' }, status: { addresses: [{ type: 'InternalIP', address: '192.0.2.1' }] } }],
    meshServices: [],
    nodeNetworks: [
      { metadata: { name: 'node-1' }, status: { conditions: [condition('Ready'), condition('Applied')] } },
    ],
  };
}

const both = { kubernetesPolicies: { upserts: [DB_FROM_WEB] }, policies: { upserts: [NO_OTHER] } };
const ask = (from: string, to: string) => ({ from, to, protocol: 'TCP' as const });

describe('a connection', () => {
  test('that nobody speaks of is allowed, and it is said who could forbid it', () => {
    const report = explain(world(), ask('shop/web', 'shop/db:5432'));
    expect(report.verdict).toBe('allow');
    expect(report.ends.map(({ why }) => why)).toEqual([
      'no policy speaks of egress of shop/web',
      'no policy speaks of ingress of shop/db',
    ]);
    expect(report.remedy).toContain('egress of shop/web or ingress of shop/db');
  });

  test('says what holds it back where it is allowed', () => {
    const limits = (name: string, spec: object): NetworkPolicy => ({
      ...{ apiVersion: 'weft.dev/v1alpha1', kind: 'NetworkPolicy', metadata: { namespace: 'shop', name } },
      spec: { podSelector: {}, ...spec },
    });
    const slow = limits('slow', { bandwidth: { ingress: '2.5M' }, connections: { ingress: { max: 3 } } });
    const slower = limits('slower', { bandwidth: { ingress: '500k', egress: '1G' } });
    const report = explain(world({ policies: { upserts: [slow, slower] } }), ask('shop/web', 'shop/db:5432'));
    expect(report.verdict).toBe('allow');
    expect(report.ends.map((end) => end.limits)).toEqual([
      ['NetworkPolicy shop/slower holds it to 1 Gbit/s'],
      [
        'NetworkPolicy shop/slow allows at most 3 connections open at once',
        'NetworkPolicy shop/slower holds it to 500 kbit/s',
      ],
    ]);
    expect(renderExplanation(report)).toContain('\nLimit: NetworkPolicy shop/slower holds it to 1 Gbit/s.');
  });

  test('whose requests are judged, is followed to what the proxy says of one', () => {
    const spec = {
      podSelector: { matchLabels: { app: 'db' } },
      ingress: [{ action: 'Allow' as const, http: [{ methods: ['GET'], paths: [{ prefix: '/public' }] }] }],
    };
    const policies = { upserts: [{ ...NO_OTHER, metadata: { namespace: 'shop', name: 'readers' }, spec }] };
    const service: Service = {
      metadata: { namespace: 'shop', name: 'db' },
      spec: { selector: { app: 'db' }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
    };
    const meshed = PODS.map((of) => (of.metadata.name === 'db' ? withProxy(of) : of));
    const of = (isMeshed: boolean) =>
      world({ policies, services: { upserts: [service] }, pods: { upserts: isMeshed ? meshed : PODS } });
    const asked = (http: string) => explain(of(true), { ...ask('shop/web', 'shop/db:8080'), http });

    expect(explain(of(true), ask('shop/web', 'shop/db:8080'))).toMatchObject({
      verdict: 'allow',
      requests: 'the proxy of shop/db judges each request by NetworkPolicy shop/readers',
    });
    expect(asked('GET /public/x?y=z')).toMatchObject({ verdict: 'allow', requests: expect.stringContaining('pass') });
    expect(asked('GET /public/../secret').verdict).toBe('deny');
    expect(asked('POST /public').verdict).toBe('deny');
    expect(explain(of(true), ask('shop/web', 'shop/db:9090')).verdict).toBe('deny');
    const ssh = {
      ...NO_OTHER,
      metadata: { namespace: 'shop', name: 'ssh' },
      spec: { ingress: [{ action: 'Allow' as const, ports: [{ port: 22 }] }] },
    };
    const both = world({
      policies: { upserts: [...policies.upserts, ssh] },
      services: { upserts: [service] },
      pods: { upserts: meshed },
    });
    expect(explain(both, ask('shop/web', 'shop/db:22'))).not.toHaveProperty('requests');
    expect(explain(of(false), ask('shop/web', 'shop/db:8080')).verdict).toBe('deny');
    expect(() => asked('/public')).toThrow("a request is written as 'GET /path'");
  });

  test('is followed through all tiers to the rule that decides', () => {
    expect(renderExplanation(explain(world(both), ask('shop/web', 'shop/db:5432'))).split('\n')).toEqual([
      'shop/web (10.0.0.1) → shop/db (10.0.0.2) TCP/5432: ALLOWED',
      '',
      'Egress of shop/web, on node-1: no policy speaks of egress of shop/web.',
      '',
      'Ingress of shop/db, on node-1: KubernetesNetworkPolicy shop/db allows it.',
      'RULE OF                           ACTION   FAR END                     PORT',
      'NetworkPolicy shop/no-other       deny     no                          yes    no match',
      'NetworkPolicy shop/no-other       pass     yes                         yes    passes on',
      'KubernetesNetworkPolicy shop/db   allow    in set s_5262adc01aef05ac   yes    DECIDES',
      '',
      'NODE     ITS KERNEL',
      'node-1   holds all that it was told',
      '',
      'For the other verdict: a policy that denies it, for egress of shop/web or ingress of shop/db.',
    ]);
  });

  test.each([
    [
      'shop/other',
      'shop/db:5432',
      'NetworkPolicy shop/no-other denies it',
      'before that of NetworkPolicy shop/no-other',
    ],
    ['shop/web', 'shop/db:80', 'no rule allows it', 'one of KubernetesNetworkPolicy shop/db'],
    ['203.0.113.9', '10.0.0.2:5432', 'no rule allows it', 'for ingress of shop/db'],
  ])('from %s to %s is denied: %s', (from, to, why, remedy) => {
    const report = explain(world(both), ask(from, to));
    expect(report.verdict).toBe('deny');
    expect(report.ends.at(-1)?.why).toContain(why);
    expect(report.remedy).toContain(remedy);
  });

  test.each([
    ['shop/host', 'the node that a pod runs on always reaches it'],
    ['shop/db', 'a pod always reaches itself'],
  ])('from %s is not asked about', (from, why) => {
    expect(explain(world(both), ask(from, 'shop/db:5432'))).toMatchObject({
      verdict: 'allow',
      shortcut: expect.stringContaining(why),
    });
  });

  test.each([
    ['shop/gone', 'shop/db:1', "there is no pod 'shop/gone'"],
    ['shop/web', 'shop/db', 'the target must be NAMESPACE/POD:PORT'],
    ['fd00::1', 'shop/db:1', 'no address of one family'],
  ])('from %s to %s cannot be told, and why', (from, to, why) => {
    expect(() => explain(world(both), ask(from, to))).toThrow(why);
  });
});
