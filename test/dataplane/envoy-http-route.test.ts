import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { httpRouteOf } from '../../src/model/mesh/grpc-route.ts';
import type { HttpRouteRule } from '../../src/model/mesh/http-route.ts';
import { SendingLab } from './sending-lab.ts';

let lab: SendingLab;

beforeAll(async () => {
  lab = await SendingLab.start();
}, 60_000);
afterAll(() => lab.close(), 30_000);

const to = (name: string) => [{ name, port: 80 }];

/** The rules, and all that they do not match to `c`. */
async function rules(...first: HttpRouteRule[]): Promise<void> {
  expect(await lab.apply({ routes: [...first, { backendRefs: to('c') }] })).toEqual([]);
}

type Match = NonNullable<HttpRouteRule['matches']>[number];

describe('a match of an HTTPRoute is for calls', () => {
  test.each<[Match, string, Record<string, string>, boolean]>([
    [{ path: { type: 'RegularExpression', value: '/v[0-9]+/.*' } }, '/v2/items?x=1', {}, true],
    [{ path: { type: 'RegularExpression', value: '/v[0-9]+/.*' } }, '/v2', {}, false],
    [{ queryParams: [{ name: 'page', value: '2' }] }, '/?page=2', {}, true],
    [{ queryParams: [{ name: 'page', value: '2' }] }, '/?page=20', {}, false],
    [{ queryParams: [{ type: 'RegularExpression', name: 'page', value: '[0-9]+' }] }, '/?page=20', {}, true],
    [{ queryParams: [{ type: 'RegularExpression', name: 'page', value: '[0-9]+' }] }, '/?page=x', {}, false],
    [{ headers: [{ type: 'RegularExpression', name: 'X-V', value: 'v[12]' }] }, '/', { 'x-v': 'v1' }, true],
    [{ headers: [{ type: 'RegularExpression', name: 'X-V', value: 'v[12]' }] }, '/', { 'x-v': 'v12' }, false],
  ])('%j: %s %j %s', async (match, path, headers, expected) => {
    await rules({ matches: [match], backendRefs: to('b') });
    expect((await lab.echo(path, headers)).server).toBe(expected ? 'b' : 'c');
  });

  test('by the precedence of the Gateway API, whatever their order', async () => {
    const value = '/shop';
    await rules(
      { matches: [{ path: { type: 'PathPrefix', value } }], backendRefs: to('a') },
      {
        matches: [{ path: { type: 'PathPrefix', value }, queryParams: [{ name: 'x', value: '1' }] }],
        backendRefs: to('b'),
      },
    );
    expect([(await lab.echo('/shop/1')).server, (await lab.echo('/shop/1?x=1')).server]).toEqual(['a', 'b']);
  });
});

describe('filters of an HTTPRoute', () => {
  test('change headers of requests and answers, of a rule and of one of its backends', async () => {
    const header = (name: string, value: string) => ({ name, value });
    await rules({
      filters: [
        {
          type: 'RequestHeaderModifier',
          requestHeaderModifier: { set: [header('X-Set', 'new')], add: [header('X-Add', 'more')], remove: ['X-Gone'] },
        },
        { type: 'ResponseHeaderModifier', responseHeaderModifier: { set: [header('X-Answer', '100 %')] } },
      ],
      backendRefs: [
        {
          ...{ name: 'b', port: 80 },
          filters: [{ type: 'RequestHeaderModifier', requestHeaderModifier: { set: [header('X-Backend', 'b')] } }],
        },
      ],
    });
    const sent = { 'x-set': 'old', 'x-add': 'one', 'x-gone': 'here' };
    const { headers } = await lab.echo('/', sent);
    expect(headers).toMatchObject({ 'x-set': 'new', 'x-add': 'one, more', 'x-backend': 'b' });
    expect(headers).not.toHaveProperty('x-gone');
    expect((await lab.call()).headers).toMatchObject({ 'x-answer': '100 %' });
  });

  test.each([
    ['/shop', '/old', '/old/1?x=1', '/shop/1?x=1'],
    ['/', '/old', '/old/1', '/1'],
    ['/', '/old', '/old', '/'],
  ])('rewrite the prefix to %s: %s, %s becomes %s', async (replacePrefixMatch, value, path, seen) => {
    await rules({
      matches: [{ path: { type: 'PathPrefix', value } }],
      filters: [
        {
          type: 'URLRewrite',
          urlRewrite: { hostname: 'inner.example', path: { type: 'ReplacePrefixMatch', replacePrefixMatch } },
        },
      ],
      backendRefs: to('b'),
    });
    const { path: got, headers } = await lab.echo(path);
    expect([got, headers.host]).toEqual([seen, 'inner.example']);
  });

  test('rewrite the whole path', async () => {
    const path = { type: 'ReplaceFullPath', replaceFullPath: '/all' };
    await rules({ filters: [{ type: 'URLRewrite', urlRewrite: { path } }], backendRefs: to('b') });
    expect((await lab.echo('/one/two?x=1')).path).toBe('/all?x=1');
  });

  test.each([
    [{ scheme: 'https' as const, statusCode: 301 }, 301, /^https:\/\/[^/]*\/old\/1\?x=1$/],
    [{ hostname: 'new.example', port: 8080 }, 302, /^http:\/\/new\.example:8080\/old\/1\?x=1$/],
    [{ path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/new' }, statusCode: 308 }, 308, /\/new\/1\?x=1$/],
    [{ path: { type: 'ReplaceFullPath', replaceFullPath: '/new' }, statusCode: 307 }, 307, /\/new\?x=1$/],
  ])('redirect by %j', async (requestRedirect, status, location) => {
    await rules({
      matches: [{ path: { type: 'PathPrefix', value: '/old' } }],
      filters: [{ type: 'RequestRedirect', requestRedirect }],
    });
    const answer = await lab.call('/old/1?x=1');
    expect(answer.status).toBe(status);
    expect(answer.headers?.location).toMatch(location);
  });

  test('send copies, whose answers concern nobody', async () => {
    const copies = () => lab.stat('cluster.shop/c_80.upstream_rq_total');
    const mirror = { backendRef: { name: 'c', port: 80 } };
    await rules({ filters: [{ type: 'RequestMirror', requestMirror: mirror }], backendRefs: to('b') });
    const before = await copies();
    expect(await lab.share(20)).toEqual({ b: 20 });
    await lab.until('all copies are sent', async () => (await copies()) - before === 20);
    const none = { ...mirror, fraction: { numerator: 0, denominator: 10 } };
    await rules({ filters: [{ type: 'RequestMirror', requestMirror: none }], backendRefs: to('b') });
    const after = await copies();
    await lab.share(20);
    expect(await copies()).toBe(after);
  });
});

test('a GRPCRoute leads calls by service and method', async () => {
  const method = (of: { readonly service?: string; readonly method?: string; readonly type?: string }) => [
    { method: of },
  ];
  const route = httpRouteOf({
    metadata: { name: 'web', namespace: 'shop' },
    spec: {
      rules: [
        { matches: method({ service: 'shop.Cart' }), backendRefs: to('a') },
        { matches: method({ service: 'shop.Cart', method: 'Add' }), backendRefs: to('b') },
        { matches: method({ method: 'Check' }), backendRefs: to('b') },
        { backendRefs: to('c') },
      ],
    },
  });
  expect(await lab.apply({ routes: route.spec.rules ?? [] })).toEqual([]);
  const server = async (path: string) => (await lab.echo(path, {}, 'POST')).server;
  const paths = ['/shop.Cart/Remove', '/shop.Cart/Add', '/shop.Other/Check', '/shop.Cartoon/Add', '/shop.Other/Checks'];
  expect(await Promise.all(paths.map(server))).toEqual(['a', 'b', 'b', 'c', 'c']);
});

test('a limit of one try ends the call where nothing is tried again', async () => {
  await rules({ timeouts: { request: '10s', backendRequest: '100ms' }, backendRefs: to('b') });
  expect((await lab.call('/', { 'x-answer-after-ms': '1000' })).status).toBe(504);
  expect((await lab.call('/', { 'x-answer-after-ms': '10' })).status).toBe(200);
});

test('a filter that is none answers 500, for that rule alone', async () => {
  const odd: HttpRouteRule = { filters: [{ type: 'ExtensionRef' }], backendRefs: to('b') };
  const problems = await lab.apply({
    routes: [{ ...odd, matches: [{ path: { type: 'Exact', value: '/odd' } }] }, { backendRefs: to('c') }],
  });
  expect(problems).toMatchObject([{ path: 'spec.rules[0].filters[0].type', reason: 'UnsupportedValue' }]);
  expect([(await lab.call('/odd')).status, (await lab.call('/')).status]).toEqual([500, 200]);
});
