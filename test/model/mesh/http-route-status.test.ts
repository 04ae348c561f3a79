import { describe, expect, test } from '@jest/globals';
import type { TrafficSplit } from '../../../src/api/generated/trafficsplit.ts';
import type { HTTPRoute, ParentRef, ReferenceGrant, RouteParentStatus, Service } from '../../../src/api/kubernetes.ts';
import { httpRouteParents, MESH_CONTROLLER } from '../../../src/model/mesh/http-route-status.ts';
import { indexMesh } from '../../../src/model/mesh/mesh-index.ts';
import type { ProgramTarget } from '../../../src/model/status/programmed.ts';

type Rules = NonNullable<HTTPRoute['spec']['rules']>;

const NOW = '2026-02-01T00:00:00Z';
const LATER = '2026-02-02T00:00:00Z';
const WEB: ParentRef = { group: '', kind: 'Service', name: 'web', port: 80 };
const FROM = { group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', namespace: 'shop' };
const TO_WEB: Rules = [{ backendRefs: [{ name: 'web', port: 80 }] }];
const READY: ProgramTarget = { name: 'shop/client', isReachable: true, wanted: 'v2', acknowledged: 'v2' };
const LATE: ProgramTarget = { name: 'shop/late', isReachable: true, wanted: 'v2', acknowledged: 'v1' };

function service(name: string, more: Partial<Service['spec']> = {}): Service {
  const ports = [
    { name: 'http', port: 80 },
    { name: 'tcp-data', port: 90 },
  ];
  return { metadata: { name, namespace: 'shop' }, spec: { clusterIP: '10.96.0.20', ports, ...more } };
}

const SERVICES = [service('web'), service('headless', { clusterIP: 'None' }), service('portless', { ports: [] })];

function route(
  parentRefs: readonly ParentRef[],
  rules: Rules = TO_WEB,
  parents?: readonly RouteParentStatus[],
): HTTPRoute {
  return {
    metadata: { name: 'web', namespace: 'shop', generation: 3, creationTimestamp: '2026-01-02T00:00:00Z' },
    spec: { parentRefs, rules },
    ...(parents === undefined ? {} : { status: { parents } }),
  };
}

interface World {
  readonly targets?: readonly ProgramTarget[];
  readonly trafficSplits?: readonly TrafficSplit[];
  readonly referenceGrants?: readonly ReferenceGrant[];
  readonly now?: string;
  readonly isSettled?: boolean;
}

function parentsOf(
  of: HTTPRoute,
  { targets = [READY], trafficSplits = [], referenceGrants = [], now = NOW, isSettled = true }: World = {},
) {
  const nothing = { endpointSlices: [], pods: [], meshServices: [], trustDomain: 'cluster.local' };
  const index = indexMesh({
    ...nothing,
    services: SERVICES,
    trafficSplits: [...trafficSplits],
    httpRoutes: [of],
    referenceGrants,
  });
  return httpRouteParents(of, { index, targetsOf: () => targets, isSettled, now });
}

/** Of the only entry, or of the one at `place`: `status/reason` by type. */
function words(parents: readonly RouteParentStatus[], place = 0): Readonly<Record<string, string>> {
  const conditions = parents[place]?.conditions ?? [];
  return Object.fromEntries(conditions.map(({ type, status, reason }) => [type, `${status}/${reason}`]));
}

function messageOf(parents: readonly RouteParentStatus[], type: string): string | undefined {
  return parents[0]?.conditions.find((condition) => condition.type === type)?.message;
}

const ALL_WELL = { Accepted: 'True/Accepted', Programmed: 'True/Programmed', ResolvedRefs: 'True/ResolvedRefs' };

describe('a parent that is a Service', () => {
  test('is accepted, resolved and programmed, each for the generation that was looked at', () => {
    const parents = parentsOf(route([WEB]));
    expect(parents).toMatchObject([{ parentRef: WEB, controllerName: 'weft.dev/mesh' }]);
    expect(words(parents)).toEqual(ALL_WELL);
    for (const condition of parents[0]?.conditions ?? []) {
      expect(condition).toMatchObject({ observedGeneration: 3, lastTransitionTime: NOW });
    }
  });

  test.each([
    ['a Service that does not exist', { name: 'wbe' }, 'False/NoMatchingParent'],
    ['a port that the Service does not have', { port: 81 }, 'False/NoMatchingParent'],
    ['a Service without ports', { name: 'portless', port: undefined }, 'False/NoMatchingParent'],
    ['a port that speaks TCP', { port: 90 }, 'False/NeedsHttp'],
    ['a Service that another namespace does not have', { namespace: 'other' }, 'False/NoMatchingParent'],
    ['a section that is no port of it', { sectionName: 'none', port: undefined }, 'False/NoMatchingParent'],
    ['a section that is another port', { sectionName: 'tcp-data' }, 'False/NoMatchingParent'],
    ['a Service without a cluster IP', { name: 'headless' }, 'False/UnsupportedValue'],
  ])('is neither accepted nor programmed when it is %s', (_, more, verdict) => {
    const ref = JSON.parse(JSON.stringify({ ...WEB, ...more })) as ParentRef;
    expect(words(parentsOf(route([ref])))).toEqual({ ...ALL_WELL, Accepted: verdict, Programmed: verdict });
  });

  test('of a GRPCRoute is not accepted when it is a port that speaks HTTP/1.1', () => {
    const parents = parentsOf({ ...route([WEB]), kind: 'GRPCRoute' });
    expect(words(parents)).toEqual({ ...ALL_WELL, Accepted: 'False/NeedsHttp', Programmed: 'False/NeedsHttp' });
    expect(messageOf(parents, 'Accepted')).toContain('must be a port that speaks HTTP/2');
  });

  test('without a port is accepted for the ports that speak HTTP, and with a section for the port of that name', () => {
    const { port: _, ...every } = WEB;
    expect(words(parentsOf(route([every])))).toEqual(ALL_WELL);
    expect(words(parentsOf(route([{ ...every, sectionName: 'http' }])))).toEqual(ALL_WELL);
    const wrong = parentsOf(route([{ ...every, sectionName: 'none' }]));
    expect(messageOf(wrong, 'Accepted')).toContain('sectionName must be the name of a TCP port');
  });

  test('of another namespace is accepted for callers of its own, even where a TrafficSplit routes the port', () => {
    const split: TrafficSplit = {
      metadata: { name: 'split', namespace: 'shop', creationTimestamp: '2026-01-01T00:00:00Z' },
      spec: { service: 'web', port: 80, rules: [{ backends: [{ weight: 1 }] }] },
    };
    const rules = [{ backendRefs: [{ name: 'web', namespace: 'shop', port: 80 }] }];
    const own = route([{ ...WEB, namespace: 'shop' }], rules);
    const consumer = { ...own, metadata: { ...own.metadata, namespace: 'team' } };
    expect(words(parentsOf(consumer, { trafficSplits: [split] }))).toEqual(ALL_WELL);
  });

  test('is not accepted where an older TrafficSplit routes the port, and is where the split is younger', () => {
    const split = (creationTimestamp: string): TrafficSplit => ({
      metadata: { name: 'split', namespace: 'shop', creationTimestamp },
      spec: { service: 'web', port: 80, rules: [{ backends: [{ weight: 1 }] }] },
    });
    const older = parentsOf(route([WEB]), { trafficSplits: [split('2026-01-01T00:00:00Z')] });
    expect(words(older)).toEqual({ ...ALL_WELL, Accepted: 'False/Conflict', Programmed: 'False/Conflict' });
    expect(messageOf(older, 'Accepted')).toContain('TrafficSplit shop/split is older');
    expect(words(parentsOf(route([WEB]), { trafficSplits: [split('2026-01-03T00:00:00Z')] }))).toEqual(ALL_WELL);
  });

  test('is programmed only when all proxies that can be reached have acknowledged it; the message counts them', () => {
    const parents = parentsOf(route([WEB]), { targets: [READY, LATE] });
    expect(words(parents)['Programmed']).toBe('False/Pending');
    expect(messageOf(parents, 'Programmed')).toBe('1 of 2 proxies have yet to acknowledge it: shop/late');
    expect(messageOf(parentsOf(route([WEB])), 'Programmed')).toBe('acknowledged by 1 proxy');
  });

  test('keeps Programmed of this generation while a new leader has not heard of all proxies', () => {
    const stored = parentsOf(route([WEB]));
    const again = (isSettled: boolean) =>
      words(parentsOf(route([WEB], TO_WEB, stored), { targets: [LATE], isSettled }))['Programmed'];
    expect([again(false), again(true)]).toEqual(['True/Programmed', 'False/Pending']);
  });
});

describe('ResolvedRefs', () => {
  test.each([
    ['a Service that does not exist', { name: 'nowhere', port: 80 }, 'False/BackendNotFound'],
    ['a port that the Service does not have', { name: 'web', port: 81 }, 'False/BackendNotFound'],
    ['another kind', { group: 'example.com', kind: 'Bucket', name: 'web', port: 80 }, 'False/InvalidKind'],
    ['a Service of another namespace', { name: 'web', namespace: 'other', port: 80 }, 'False/RefNotPermitted'],
  ])('is False for a backend that names %s, and the route is accepted all the same', (_, backend, verdict) => {
    const rules: Rules = [{ backendRefs: [{ name: 'web', port: 80 }, backend].map((ref) => withKind(ref)) }];
    const parents = parentsOf(route([WEB], rules));
    expect(words(parents)).toEqual({ ...ALL_WELL, ResolvedRefs: verdict });
    expect(messageOf(parents, 'ResolvedRefs')).toMatch(/^spec\.rules\[0\]\.backendRefs\[1\]\./);
  });

  test.each<[string, Partial<ReferenceGrant['spec']>, string]>([
    ['for every Service', {}, 'False/BackendNotFound'],
    ['for that Service', { to: [{ group: '', kind: 'Service', name: 'far' }] }, 'False/BackendNotFound'],
    ['for another Service', { to: [{ group: '', kind: 'Service', name: 'web' }] }, 'False/RefNotPermitted'],
    ['for Secrets', { to: [{ group: '', kind: 'Secret' }] }, 'False/RefNotPermitted'],
    ['for another namespace', { from: [{ ...FROM, namespace: 'bank' }] }, 'False/RefNotPermitted'],
    ['for another kind', { from: [{ ...FROM, kind: 'GRPCRoute' }] }, 'False/RefNotPermitted'],
  ])('asks for a backend in another namespace where there is a grant %s', (_, spec, verdict) => {
    const to = [{ group: '', kind: 'Service' }];
    const grant = { metadata: { name: 'grant', namespace: 'other' }, spec: { from: [FROM], to, ...spec } };
    const rules: Rules = [{ backendRefs: [{ name: 'far', namespace: 'other', port: 80 }] }];
    // The Service is not there: who may not refer to it is not told that.
    expect(words(parentsOf(route([WEB], rules), { referenceGrants: [grant] }))['ResolvedRefs']).toBe(verdict);
  });

  test('counts what else is wrong, and is True for a rule without backends', () => {
    const rules: Rules = [
      {
        backendRefs: [
          { name: 'a', port: 80 },
          { name: 'b', port: 80 },
        ].map(withKind),
      },
    ];
    expect(messageOf(parentsOf(route([WEB], rules)), 'ResolvedRefs')).toMatch(/ \(and 1 more\)$/);
    expect(words(parentsOf(route([WEB], [{}])))).toEqual(ALL_WELL);
  });

  /** As the API server fills it in. */
  function withKind(ref: NonNullable<Rules[number]['backendRefs']>[number]) {
    return { group: '', kind: 'Service', weight: 1, ...ref };
  }
});

describe('a rule that Weft does not know all of', () => {
  test.each([
    ['a filter', { filters: [{ type: 'ExtensionRef' }], ...TO_WEB[0] }],
    ['a mirror of a backend', { backendRefs: [{ name: 'web', port: 80, filters: [{ type: 'RequestMirror' }] }] }],
    [
      'a match by what is no expression',
      { matches: [{ path: { type: 'RegularExpression', value: '/x(' } }], ...TO_WEB[0] },
    ],
    [
      'a match that looks ahead',
      { matches: [{ headers: [{ type: 'RegularExpression', name: 'a', value: '(?=b)' }] }], ...TO_WEB[0] },
    ],
  ])('is said so, and the rest is programmed: %s', (_, rule) => {
    const parents = parentsOf(route([WEB], [rule, ...TO_WEB]));
    expect(words(parents)).toEqual({ ...ALL_WELL, Accepted: 'False/UnsupportedValue' });
    expect(messageOf(parents, 'Accepted')).toMatch(/^spec\.rules\[0\]\./);
  });
});

describe('status.parents', () => {
  const GATEWAY: ParentRef = { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'edge' };
  const word = {
    type: 'Accepted',
    status: 'True',
    reason: 'Accepted',
    message: '',
    lastTransitionTime: LATER,
  } as const;
  const FOREIGN: RouteParentStatus = { parentRef: GATEWAY, controllerName: 'example.com/edge', conditions: [word] };
  const RIVAL: RouteParentStatus = { parentRef: WEB, controllerName: 'example.com/mesh', conditions: [word] };

  test('has nothing of ours for parents that are Gateways', () => {
    expect(parentsOf(route([GATEWAY]))).toEqual([]);
    expect(parentsOf(route([GATEWAY], TO_WEB, [FOREIGN]))).toEqual([FOREIGN]);
  });

  test('keeps the entries of other controllers as they are, also for the same parent, and every place', () => {
    const [ours] = parentsOf(route([WEB]));
    if (ours === undefined) throw new Error('no entry');
    const stored = [FOREIGN, ours, RIVAL];
    expect(parentsOf(route([GATEWAY, WEB], TO_WEB, stored), { now: LATER })).toEqual(stored);
    expect(parentsOf(route([GATEWAY, WEB], TO_WEB, [FOREIGN, RIVAL]))).toEqual([FOREIGN, RIVAL, ours]);
  });

  test('loses our entries for parents that the route does not name any more, and doubles', () => {
    const [ours] = parentsOf(route([WEB]));
    const [other] = parentsOf(route([{ ...WEB, name: 'headless' }]));
    if (ours === undefined || other === undefined) throw new Error('no entry');
    expect(parentsOf(route([WEB], TO_WEB, [other, ours, FOREIGN, ours]))).toEqual([ours, FOREIGN]);
    expect(parentsOf(route([], TO_WEB, [other, FOREIGN]))).toEqual([FOREIGN]);
  });

  test('has one entry a parent, in the order of the route, and an own namespace said or not is the same parent', () => {
    const web = { ...WEB, namespace: 'shop' };
    const parents = parentsOf(route([{ ...WEB, name: 'wbe' }, GATEWAY, web], TO_WEB, parentsOf(route([WEB]))));
    expect(parents.map(({ parentRef }) => parentRef)).toEqual([web, { ...WEB, name: 'wbe' }]);
    expect(words(parents, 0)).toEqual(ALL_WELL);
    expect(words(parents, 1)['Accepted']).toBe('False/NoMatchingParent');
  });

  test('moves lastTransitionTime only where the status of a condition changes', () => {
    const stored = parentsOf(route([WEB]));
    const [after] = parentsOf(route([WEB], TO_WEB, stored), { now: LATER, targets: [LATE] });
    expect(after?.conditions.map(({ type, lastTransitionTime }) => [type, lastTransitionTime])).toEqual([
      ['Accepted', NOW],
      ['Programmed', LATER],
      ['ResolvedRefs', NOW],
    ]);
  });

  test('never has more entries than the API server takes', () => {
    const foreign = Array.from({ length: 31 }, (_, place) => ({
      ...FOREIGN,
      parentRef: { ...GATEWAY, name: `g${place}` },
    }));
    const parents = parentsOf(route([WEB, { ...WEB, name: 'headless' }], TO_WEB, foreign));
    expect(parents).toHaveLength(32);
    expect(parents[31]).toMatchObject({ parentRef: WEB, controllerName: MESH_CONTROLLER });
  });
});
