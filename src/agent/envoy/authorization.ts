import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { type PrincipalSchema, RBAC_Action } from '../../xds/generated/wire/envoy/config/rbac/v3/rbac_pb.js';
import { RBACPerRouteSchema } from '../../xds/generated/wire/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import { parseCidr, parseIp, bitsOf, formatIp } from '../../lib/ip.ts';
import type { AddressSetIr, ChainIr, HttpMatchIr, RuleIr } from '../../model/node/ir.ts';
import { AMBIGUOUS_PATH } from '../../model/policy/http-rules.ts';
import { packAny } from './encoded.ts';

type Principal = MessageInitShape<typeof PrincipalSchema> & object;

export interface JudgedPod {
  /** Of its ingress. */
  readonly chain: ChainIr;
  /** Of the sets that the chain names. */
  readonly members: (setKey: string) => AddressSetIr | undefined;
  /** Whose requests always pass: the pod itself, and its node. */
  readonly trusted: readonly string[];
}

export const RBAC_FILTER = 'envoy.filters.http.rbac';

/** Whether requests to the port are judged one by one. */
export function isJudged({ rules }: ChainIr, port: number): boolean {
  return rules.some((rule) => rule.http !== undefined && concerns(rule, port));
}

/**
 * What the kernel's rules say, asked again of each request to the port: the first rule that matches caller and request
 * decides, as `evaluate` has it. A proxy knows no order of rules, so each one that allows says which earlier ones must
 * not match; what passes to a later tier takes away the rest of its own.
 */
export function encodeAuthorization({ chain, members, trusted }: JudgedPod, port: number): Any {
  const rules = chain.rules.filter((rule) => rule.action !== 'log' && concerns(rule, port));
  const matched = new Map(rules.map((rule) => [rule, principalOf(rule, members)]));
  const of = (rule: RuleIr) => matched.get(rule) ?? nobody();
  /** It matches, and nothing of its tier has passed before it. */
  const live = (rule: RuleIr): Principal => {
    const before = rules.slice(0, rules.indexOf(rule));
    const passes = before.filter(({ action, tier = 0 }) => action === 'pass' && tier >= (rule.tier ?? 0));
    return passes.length === 0 ? of(rule) : and([of(rule), not(or(passes.map(of)))]);
  };
  const denials = (before: readonly RuleIr[]) => before.filter(isDenial).map(live);
  const unless = (principal: Principal, denied: Principal[]) =>
    denied.length === 0 ? principal : and([principal, not(or(denied))]);
  const allowed = rules.flatMap((rule, index) =>
    rule.action === 'allow' ? [unless(live(rule), denials(rules.slice(0, index)))] : [],
  );
  const rest = chain.otherwise === 'allow' ? [unless(anybody(), denials(rules))] : [];
  const principals = [...trusted.flatMap(addressPrincipal), ...allowed, ...rest];
  return packAny(RBACPerRouteSchema, {
    rbac: {
      rules: {
        action: RBAC_Action.ALLOW,
        policies: {
          rules: {
            permissions: [{ rule: { case: 'any', value: true } }],
            principals: principals.length === 0 ? [nobody()] : principals,
          },
        },
      },
    },
  });
}

function isDenial({ action }: RuleIr): boolean {
  return action === 'deny' || action === 'reject';
}

function concerns({ ports }: RuleIr, port: number): boolean {
  return ports === 'any' || ports.some(({ protocol, from, to }) => protocol === 'TCP' && from <= port && port <= to);
}

function principalOf({ peers, http, action }: RuleIr, members: JudgedPod['members']): Principal {
  const ends =
    peers === 'any' ? [] : [or(peers.flatMap((key) => members(key)?.members ?? []).flatMap(addressPrincipal))];
  const requests = http === undefined ? [] : [or(http.map((match) => requestPrincipal(match, action === 'allow')))];
  return and([...ends, ...requests]);
}

function requestPrincipal({ methods, paths, headers = [] }: HttpMatchIr, allows: boolean): Principal {
  const is = (name: string, value: string) => header(name, { case: 'stringMatch', value: exactly(value) });
  return and([
    ...(methods === undefined ? [] : [or(methods.map((method) => is(':method', method)))]),
    ...(paths === undefined ? [] : [pathPrincipal(paths, allows)]),
    ...headers.map(({ name, value }) =>
      value === undefined ? header(name, { case: 'presentMatch', value: true }) : is(name, value),
    ),
  ]);
}

/** What is denied is denied in any case. */
function pathPrincipal(paths: NonNullable<HttpMatchIr['paths']>, allows: boolean): Principal {
  const ambiguous = path({ case: 'safeRegex', value: { regex: `.*${AMBIGUOUS_PATH}.*` } }, false);
  const named = paths.flatMap(({ type, value }) => [
    ...(value === '' ? [] : [path({ case: 'exact', value }, !allows)]),
    ...(type === 'Prefix' ? [path({ case: 'prefix', value: `${value}/` }, !allows)] : []),
  ]);
  return allows ? and([not(ambiguous), or(named)]) : or([ambiguous, ...named]);
}

type StringPattern =
  | { readonly case: 'exact' | 'prefix'; readonly value: string }
  | { readonly case: 'safeRegex'; readonly value: { readonly regex: string } };

function path(matchPattern: StringPattern, ignoreCase: boolean): Principal {
  const matcher = matchPattern.case === 'safeRegex' ? { matchPattern } : { matchPattern, ignoreCase };
  return { identifier: { case: 'urlPath', value: { rule: { case: 'path', value: matcher } } } };
}

function exactly(value: string) {
  return { matchPattern: { case: 'exact' as const, value } };
}

type HeaderMatch =
  | { readonly case: 'stringMatch'; readonly value: ReturnType<typeof exactly> }
  | { readonly case: 'presentMatch'; readonly value: boolean };

function header(name: string, headerMatchSpecifier: HeaderMatch): Principal {
  return { identifier: { case: 'header', value: { name, headerMatchSpecifier } } };
}

/** By the connection's own far end, never by what a header says. */
function addressPrincipal(text: string): Principal[] {
  const ip = parseIp(text);
  const cidr = ip === undefined ? parseCidr(text) : { family: ip.family, base: ip.value, length: bitsOf(ip.family) };
  if (cidr === undefined) return [];
  const addressPrefix = formatIp({ family: cidr.family, value: cidr.base });
  return [{ identifier: { case: 'directRemoteIp', value: { addressPrefix, prefixLen: cidr.length } } }];
}

function anybody(): Principal {
  return { identifier: { case: 'any', value: true } };
}

function nobody(): Principal {
  return not(anybody());
}

function not(principal: Principal): Principal {
  return { identifier: { case: 'notId', value: principal } };
}

function and(ids: Principal[]): Principal {
  if (ids.length === 0) return anybody();
  return ids.length === 1 && ids[0] !== undefined ? ids[0] : { identifier: { case: 'andIds', value: { ids } } };
}

function or(ids: Principal[]): Principal {
  if (ids.length === 0) return nobody();
  return ids.length === 1 && ids[0] !== undefined ? ids[0] : { identifier: { case: 'orIds', value: { ids } } };
}
