import { fromBinary } from '@bufbuild/protobuf';
import { test } from '@jest/globals';
import fc from 'fast-check';
import { encodeAuthorization } from '../../../src/agent/envoy/authorization.ts';
import { containsAddress, parseCidr, parseIp } from '../../../src/lib/ip.ts';
import type { ChainIr, HttpMatchIr, PortIr, RuleIr } from '../../../src/model/node/ir.ts';
import { addressSets, evaluate } from '../../../src/model/policy/evaluate.ts';
import type { HttpRequest } from '../../../src/model/policy/http-rules.ts';
import type { Principal } from '../../../src/xds/generated/wire/envoy/config/rbac/v3/rbac_pb.js';
import { RBACPerRouteSchema } from '../../../src/xds/generated/wire/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';

const PORT = 8080;
const CALLERS = ['10.0.0.1', '10.0.0.2', '10.0.0.200', 'fd00::1'];
const SETS = new Map([
  ['one', { type: 'ip' as const, members: ['10.0.0.1', 'fd00::1'] }],
  ['range', { type: 'cidr' as const, members: ['10.0.0.0/25'] }],
  ['nobody', { type: 'ip' as const, members: [] }],
]);
const PATHS = ['/', '/a', '/a/b', '/A', '/ab', '/a//b', '/a%2fb', '/a;b', '/x%61'];

const path = fc.record({
  type: fc.constantFrom('Exact' as const, 'Prefix' as const),
  value: fc.constantFrom('/a', '/a/b', ''),
});
const match: fc.Arbitrary<HttpMatchIr> = fc.record(
  {
    methods: fc.constantFrom(['GET'], ['GET', 'POST']),
    paths: fc.array(
      path.filter(({ type, value }) => type === 'Prefix' || value !== ''),
      { minLength: 1, maxLength: 2 },
    ),
    headers: fc.constantFrom([{ name: 'x-a', value: '1' }], [{ name: 'x-a' }]),
  },
  { requiredKeys: [] },
);
const ports = fc.constantFrom<PortIr[] | 'any'>(
  'any',
  [{ protocol: 'TCP', from: PORT, to: PORT }],
  [{ protocol: 'TCP', from: 1, to: 80 }],
  [{ protocol: 'UDP', from: 0, to: 65_535 }],
);
const rule: fc.Arbitrary<RuleIr> = fc.record(
  {
    action: fc.constantFrom('allow' as const, 'deny' as const, 'reject' as const, 'pass' as const, 'log' as const),
    tier: fc.integer({ min: 0, max: 2 }),
    peers: fc.constantFrom<readonly string[] | 'any'>('any', ['one'], ['range'], ['nobody'], ['one', 'range']),
    ports,
    http: fc.array(match, { minLength: 1, maxLength: 2 }),
    origin: fc.constant('NetworkPolicy a/b'),
  },
  { requiredKeys: ['action', 'tier', 'peers', 'ports', 'origin'] },
);
const chain: fc.Arbitrary<ChainIr> = fc
  .record({ rules: fc.array(rule, { maxLength: 6 }), otherwise: fc.constantFrom('allow' as const, 'deny' as const) })
  .map(({ rules, otherwise }) => ({
    otherwise,
    rules: rules
      .map(({ http, ...rest }) => {
        const isAbout = http !== undefined && (rest.action === 'allow' || rest.action === 'deny');
        return isAbout ? { ...rest, http } : rest;
      })
      .sort((a, b) => (a.tier ?? 0) - (b.tier ?? 0)),
  }));
const request: fc.Arbitrary<HttpRequest> = fc.record({
  method: fc.constantFrom('GET', 'POST', 'PUT'),
  path: fc.constantFrom(...PATHS),
  headers: fc.constantFrom<Record<string, string>>({}, { 'x-a': '1' }, { 'x-a': '2' }),
});

test('a proxy is told what the rules say of each request, in its own terms', () => {
  fc.assert(
    fc.property(chain, fc.constantFrom(...CALLERS), request, (of, peer, asked) => {
      const any = encodeAuthorization({ chain: of, members: (key) => SETS.get(key), trusted: [] }, PORT);
      const principals = fromBinary(RBACPerRouteSchema, any.value).rbac?.rules?.policies['rules']?.principals ?? [];
      const passes = principals.some((principal) => holds(principal, peer, asked));
      const { verdict } = evaluate(of, addressSets(SETS), { peer, protocol: 'TCP', port: PORT, request: asked });
      if (passes !== (verdict === 'allow')) throw new Error(`the rules say ${verdict}, the proxy passes: ${passes}`);
    }),
    { numRuns: 3000 },
  );
});

/** What Envoy's documentation says of a principal. */
function holds({ identifier }: Principal, peer: string, asked: HttpRequest): boolean {
  const all = (ids: readonly Principal[]) => ids.map((id) => holds(id, peer, asked));
  switch (identifier.case) {
    case 'any':
      return true;
    case 'andIds':
      return all(identifier.value.ids).every(Boolean);
    case 'orIds':
      return all(identifier.value.ids).some(Boolean);
    case 'notId':
      return !holds(identifier.value, peer, asked);
    case 'directRemoteIp': {
      const { addressPrefix, prefixLen } = identifier.value;
      const [cidr, ip] = [parseCidr(`${addressPrefix}/${prefixLen}`), parseIp(peer)];
      return cidr !== undefined && ip !== undefined && containsAddress(cidr, ip);
    }
    case 'header': {
      const { name, headerMatchSpecifier: wanted } = identifier.value;
      const value = name === ':method' ? asked.method : asked.headers[name];
      if (wanted.case === 'presentMatch') return value !== undefined;
      return wanted.case === 'stringMatch' && wanted.value.matchPattern.value === value;
    }
    case 'urlPath': {
      const { matchPattern, ignoreCase } = identifier.value.rule.value ?? {};
      if (matchPattern?.case === 'safeRegex') return new RegExp(`^(?:${matchPattern.value.regex})$`).test(asked.path);
      const same = (text: string) => (ignoreCase === true ? text.toLowerCase() : text);
      const wanted = same(String(matchPattern?.value));
      return matchPattern?.case === 'exact' ? same(asked.path) === wanted : same(asked.path).startsWith(wanted);
    }
    default:
      throw new Error(`${identifier.case} is not known to this test`);
  }
}
