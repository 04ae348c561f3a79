import { describe, expect, test } from '@jest/globals';
import type { TrafficSplitMatch } from '../../../src/api/generated/trafficsplit.ts';
import { matchesWhole } from '../../../src/model/mesh/expression.ts';
import { rewrittenPath, sentRequest } from '../../../src/model/mesh/path-rewrite.ts';
import { type CallRequest, lookAtRule } from '../../../src/model/mesh/request-match.ts';
import { translateSplitMatch } from '../../../src/model/mesh/split-rule.ts';

const CALLER = 'spiffe://cluster.local/ns/shop/sa/web';
const GET: CallRequest = { method: 'GET', path: '/', query: '', headers: {} };

function look(matches: readonly TrafficSplitMatch[], request?: Partial<CallRequest>) {
  const call = { spiffeId: CALLER, ...(request === undefined ? {} : { request: { ...GET, ...request } }) };
  return lookAtRule({ matches: matches.map(translateSplitMatch) }, call);
}

const header = (value: string) => ({ headers: { 'x-user': value } });
const cookie = (value: string) => ({ headers: { cookie: value } });

describe('a match of a rule', () => {
  test.each<[string, TrafficSplitMatch, Partial<CallRequest>, boolean]>([
    ['an exact path', { path: { type: 'Exact', value: '/a' } }, { path: '/a' }, true],
    ['an exact path, not below it', { path: { type: 'Exact', value: '/a' } }, { path: '/a/b' }, false],
    ['a path in its case', { path: { type: 'Exact', value: '/a' } }, { path: '/A' }, false],
    ['a prefix itself', { path: { type: 'Prefix', value: '/a' } }, { path: '/a' }, true],
    ['what is below a prefix', { path: { type: 'Prefix', value: '/a/' } }, { path: '/a/b' }, true],
    ['a prefix by whole elements', { path: { type: 'Prefix', value: '/a' } }, { path: '/ab' }, false],
    ['every path', { path: { type: 'Prefix', value: '/' } }, { path: '/ab' }, true],
    ['an expression of the path', { path: { type: 'Regex', value: '/v[0-9]+/.*' } }, { path: '/v12/x' }, true],
    ['an expression of the whole path', { path: { type: 'Regex', value: '/v[0-9]+' } }, { path: '/v12/x' }, false],
    ['one of two in an expression, whole', { path: { type: 'Regex', value: '/a|/b' } }, { path: '/bc' }, false],
    ['a method', { method: 'POST' }, { method: 'POST' }, true],
    ['another method', { method: 'POST' }, {}, false],
    ['a header', { headers: [{ name: 'X-User', value: 'ann' }] }, header('ann'), true],
    ['a header of another value', { headers: [{ name: 'x-user', value: 'ann' }] }, header('Ann'), false],
    ['a header that is absent', { headers: [{ name: 'x-user', value: 'ann' }] }, {}, false],
    ['the beginning of a header', { headers: [{ name: 'x-user', type: 'Prefix', value: 'a' }] }, header('ann'), true],
    ['an expression of a header', { headers: [{ name: 'x-user', type: 'Regex', value: 'a.' }] }, header('ann'), false],
    ['a header that is there', { headers: [{ name: 'x-user', type: 'Present' }] }, header(''), true],
    ['not a header', { headers: [{ name: 'x-user', type: 'Present', not: true }] }, header(''), false],
    ['not a value', { headers: [{ name: 'x-user', value: 'ann', not: true }] }, header('bob'), true],
    ['not a value, where there is none', { headers: [{ name: 'x-user', value: 'ann', not: true }] }, {}, true],
    ['a cookie', { cookies: [{ name: 'beta', value: '1' }] }, cookie('a=2; beta=1; c=3'), true],
    ['a cookie in quotes', { cookies: [{ name: 'beta', value: '1' }] }, cookie('beta="1"'), true],
    ['not the end of another cookie', { cookies: [{ name: 'beta', value: '1' }] }, cookie('alphabeta=1'), false],
    ['the beginning of a cookie', { cookies: [{ name: 'beta', type: 'Prefix', value: '1' }] }, cookie('beta=12'), true],
    ['not a cookie', { cookies: [{ name: 'b', value: '1', not: true }] }, cookie('b=2'), true],
    ['a parameter', { query: [{ name: 'q', value: 'x' }] }, { query: 'a=1&q=x' }, true],
    ['the first of two', { query: [{ name: 'q', value: 'x' }] }, { query: 'q=y&q=x' }, false],
    ['a parameter without value', { query: [{ name: 'q', type: 'Present' }] }, { query: 'q' }, true],
    ['a caller', { source: { namespace: 'shop', serviceAccount: 'web' } }, {}, true],
    ['another caller', { source: { serviceAccount: 'bot' } }, {}, false],
    ['all of several', { method: 'GET', source: { namespace: 'shop' }, query: [{ name: 'q', value: '1' }] }, {}, false],
  ])('takes %s', (_, match, request, expected) => {
    expect(look([match], request).outcome).toBe(expected ? 'match' : 'no match');
  });

  test('says what does not fit', () => {
    const matches: TrafficSplitMatch[] = [
      { path: { type: 'Prefix', value: '/b' }, method: 'GET' },
      { headers: [{ name: 'x-user', value: 'ann' }] },
      { cookies: [{ name: 'beta', value: '1' }] },
      { source: { namespace: 'bank' } },
    ];
    expect(look(matches, { path: '/a' }).why).toBe(
      'path is /a; header x-user is absent; the cookies are absent; the caller is /ns/shop/sa/web',
    );
  });

  test('without matches takes every call, and of several the first that fits', () => {
    expect(look([]).outcome).toBe('match');
    const both = look([{ method: 'POST' }, { path: { type: 'Prefix', value: '/a' } }], { path: '/a/b' });
    expect(both.match?.path?.value).toBe('/a');
  });

  test('without a request is left open, but for who calls', () => {
    expect(look([{ method: 'GET' }])).toMatchObject({ outcome: 'maybe', why: 'no request is given' });
    expect(look([{ method: 'GET', source: { namespace: 'bank' } }]).outcome).toBe('no match');
    expect(look([{ source: { namespace: 'shop' } }]).outcome).toBe('match');
  });

  test('that only RE2 can read is left open, unless something else decides', () => {
    const path = { type: 'Regex' as const, value: '/[[:alpha:]]+' };
    expect(look([{ path }], { path: '/a' })).toMatchObject({ outcome: 'maybe', why: expect.stringContaining('RE2') });
    expect(look([{ path, method: 'POST' }], { path: '/a' }).outcome).toBe('no match');
    expect(look([{ path }, { method: 'GET' }], { path: '/a' }).outcome).toBe('match');
    expect(look([{ method: 'POST' }, { path }], { path: '/a' }).outcome).toBe('maybe');
  });
});

test.each([
  ['a\\-b\\/c', 'a-b/c', true],
  ['\\\\', '\\', true],
  ['[a\\]]', ']', true],
  ['\\d+', '12', true],
  ['/a|/b', '/ax', false],
  ['(?i)a', 'A', undefined],
  ['\\Aa', 'a', undefined],
  ['(?P<n>a)', 'a', undefined],
])('the expression %s of %s', (expression, text, expected) => {
  expect(matchesWhole(expression, text)).toBe(expected);
});

describe('a request on its way', () => {
  const below = (value: string) => ({ headers: [], path: { type: 'Prefix' as const, value } });

  test.each([
    [{ prefix: '/new' }, below('/old'), '/old/x', '/new/x'],
    [{ prefix: '/new/' }, below('/old/'), '/old', '/new'],
    [{ prefix: '/' }, below('/old'), '/old/x', '/x'],
    [{ prefix: '/' }, below('/old'), '/old', '/'],
    [{ prefix: '/$&' }, below('/old'), '/old/x', '/$&/x'],
    [{ path: '/all' }, below('/old'), '/old/x', '/all'],
    [{}, undefined, '/old', '/old'],
  ])('%j changes its path', (change, match, before, after) => {
    expect(rewrittenPath(change, match, before)).toBe(after);
  });

  test('has the headers of the rule and of the backend', () => {
    const rule = { rewrite: { host: 'b' }, requestHeaders: { set: [{ name: 'x', value: 'rule' }], remove: ['y'] } };
    const backend = { requestHeaders: { add: [{ name: 'z', value: '2' }] } };
    const request = { ...GET, headers: { host: 'a', x: '1', y: '1', z: '1' } };
    expect(sentRequest(request, rule, undefined, backend).headers).toEqual({ host: 'b', x: 'rule', z: '1,2' });
  });
});
