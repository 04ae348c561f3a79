import { describe, expect, test } from '@jest/globals';
import { createInjectHandler } from '../../../src/webhook/inject/admission.ts';
import { INJECT_PATH, injectConfiguration } from '../../../src/webhook/inject/configuration.ts';
import type { AdmissionRequest } from '../../../src/webhook/review.ts';

const handle = createInjectHandler({
  image: 'envoy:test',
  uid: 1337,
  logLevel: 'warning',
  resources: {},
  workers: 2,
  bootstrap: '{}',
  ready: { port: 15021, path: '/ready' },
  drain: { port: 15022, path: '/drain' },
});

function review(object: unknown): AdmissionRequest {
  return {
    uid: 'review',
    kind: { group: '', version: 'v1', kind: 'Pod' },
    operation: 'CREATE',
    namespace: 'shop',
    object,
  };
}

describe('the injection handler', () => {
  test('allows with a patch', async () => {
    const response = await handle(
      review({ metadata: { generateName: 'web-' }, spec: { containers: [{ name: 'web' }] } }),
    );
    expect(response).toMatchObject({
      allowed: true,
      patch: [{ path: '/spec/initContainers' }, { path: '/metadata/labels' }, { path: '/spec/containers/0/lifecycle' }],
    });
  });

  test('refuses with the field and what to do about it', async () => {
    const spec = { containers: [{ name: 'web', securityContext: { runAsUser: 1337 } }] };
    const response = await handle(review({ metadata: { name: 'web' }, spec }));
    expect(response).toMatchObject({
      allowed: false,
      code: 403,
      message: expect.stringMatching(/^weft: spec\.containers\[0\]\.securityContext\.runAsUser must not be 1337/),
    });
  });

  test.each([undefined, null, 'pod', {}, { metadata: {}, spec: {} }])('calls %p no pod', async (object) => {
    expect(await handle(review(object))).toMatchObject({ allowed: false, code: 400 });
  });
});

interface Expression {
  readonly key: string;
  readonly operator: string;
  readonly values: readonly string[];
}

/** A label selector as the API server evaluates it (LabelSelector, metav1). */
function selects(matchExpressions: readonly object[], labels: Record<string, string>): boolean {
  return (matchExpressions as Expression[]).every(({ key, operator, values }) => {
    const value = labels[key];
    const isIn = value !== undefined && values.includes(value);
    return operator === 'In' ? isIn : !isIn;
  });
}

describe('the configuration of the injection', () => {
  const configuration = injectConfiguration({
    name: 'weft-inject',
    caBundlePem: 'PEM',
    service: { namespace: 'weft-system', name: 'weft-webhook', port: 443 },
  });
  const called = (namespace: string, ofNamespace: string | undefined, ofPod: string | undefined) => {
    const label = (value: string | undefined): Record<string, string> =>
      value === undefined ? {} : { 'weft.dev/inject': value };
    const labels = { 'kubernetes.io/metadata.name': namespace, ...label(ofNamespace) };
    return configuration.webhooks.filter(
      ({ namespaceSelector, objectSelector }) =>
        selects(namespaceSelector.matchExpressions, labels) && selects(objectSelector.matchExpressions, label(ofPod)),
    ).length;
  };

  test.each([
    [undefined, undefined, 0],
    [undefined, 'enabled', 1],
    [undefined, 'disabled', 0],
    ['enabled', undefined, 1],
    ['enabled', 'enabled', 1],
    ['enabled', 'disabled', 0],
    ['disabled', undefined, 0],
    ['disabled', 'enabled', 1],
    ['disabled', 'disabled', 0],
  ])('a namespace that says %p and a pod that says %p: the webhook is asked %p times', (namespace, ofPod, times) => {
    expect(called('shop', namespace, ofPod)).toBe(times);
  });

  test("is asked neither about the operators' own namespace nor about the control plane's", () => {
    for (const namespace of ['weft-system', 'kube-system']) expect(called(namespace, 'enabled', 'enabled')).toBe(0);
  });

  test('admits no pod unasked, and is asked at the Service', () => {
    for (const { failurePolicy, clientConfig, reinvocationPolicy } of configuration.webhooks) {
      expect({ failurePolicy, reinvocationPolicy }).toEqual({ failurePolicy: 'Fail', reinvocationPolicy: 'IfNeeded' });
      expect(clientConfig.service).toEqual({
        namespace: 'weft-system',
        name: 'weft-webhook',
        port: 443,
        path: INJECT_PATH,
      });
      expect(Buffer.from(clientConfig.caBundle, 'base64').toString()).toBe('PEM');
    }
  });
});
