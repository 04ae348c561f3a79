import type { TrafficSplit, TrafficSplitBackend, TrafficSplitRule } from '../../api/generated/trafficsplit.ts';
import { objectKey } from '../../api/meta.ts';
import { REASON } from '../../api/reasons.ts';
import type { AppProtocol, RouteRuleIr } from '../node/ir.ts';
import type { MirrorIr } from '../node/sending-ir.ts';
import type { Problem, Translation } from '../problem.ts';
import { resolveBackend } from './backends.ts';
import { callPolicy } from './call-policy.ts';
import { meshServiceFor, resolveServiceKey, type MeshIndex } from './mesh-index.ts';
import type { PlacedRule } from './placed-rule.ts';
import { isHttp } from './protocol.ts';
import { isOfSmi } from './smi-split.ts';
import { translateSplitMatch, translateSplitRule } from './split-rule.ts';

export function splitOrigin(split: TrafficSplit): string {
  return `TrafficSplit ${objectKey(split)}`;
}

/**
 * The rules that one TrafficSplit gives its port, in its order.
 *
 * @param protocol  of the port. On TCP only the first rule without matches counts, as there is nothing to look at.
 * @returns `problems`: a backend that names nothing (it keeps its weight and answers 503), and rules that TCP cannot
 *          follow.
 */
export function translateTrafficSplit(
  split: TrafficSplit,
  protocol: AppProtocol,
  index: MeshIndex,
): Translation<readonly PlacedRule[]> {
  const problems: Problem[] = [];
  const rules = split.spec.rules.flatMap((rule, position): PlacedRule[] => {
    const path = `spec.rules[${position}]`;
    const matches = rule.matches ?? [];
    if (matches.length > 0 && !isHttp(protocol)) {
      problems.push({
        path: `${path}.matches`,
        reason: REASON.needsHttp,
        message: `must be absent, as port ${split.spec.port} speaks TCP; declare its protocol in a MeshService to match requests`,
      });
      return [];
    }
    if (!isHttp(protocol)) problems.push(...problemsOnTcp(split, rule, path));
    const mirrors = translateMirrors(split, rule, path, index, problems);
    return [
      {
        ...(isOfSmi(split) ? {} : { path }),
        rule: {
          origin: splitOrigin(split),
          matches: matches.map(translateSplitMatch),
          backends: translateBackends(split, rule, path, index, problems),
          ...(rule.backends === undefined ? {} : policyOf(split, rule, protocol, index)),
          ...(isHttp(protocol) ? translateSplitRule(rule) : {}),
          ...(isHttp(protocol) && mirrors.length > 0 ? { mirrors } : {}),
        },
      },
    ];
  });
  return { value: isHttp(protocol) ? rules : rules.slice(0, 1), problems };
}

/** As the MeshService of the service that is called says; where that has no hash, as the first backend's that has one. */
function policyOf(split: TrafficSplit, rule: TrafficSplitRule, protocol: AppProtocol, index: MeshIndex) {
  const mesh = meshServiceFor(index, resolveServiceKey(index, split, split.spec.service));
  const hashes = (rule.backends ?? []).flatMap(
    (backend) => meshServiceFor(index, serviceKeyOf(split, backend, index))?.spec.loadBalancing?.hash ?? [],
  );
  const own = { timeoutMs: rule.timeoutMilliseconds, retry: rule.retry, hash: hashes[0] };
  const redistributes = isHttp(protocol) && split.spec.onNoEndpoints === 'Redistribute';
  return { ...callPolicy(protocol, mesh, own), ...(redistributes ? { redistributes } : {}) };
}

/** Without requests there is nothing that these could be about. */
const HTTP_ONLY = [
  ...['timeoutMilliseconds', 'retry', 'stickiness', 'mirrors', 'rewrite', 'redirect', 'respond', 'fault'],
  ...['requestHeaders', 'responseHeaders'],
];

function problemsOnTcp(split: TrafficSplit, rule: TrafficSplitRule, path: string): readonly Problem[] {
  const fields = Object.keys(rule).filter((field) => HTTP_ONLY.includes(field));
  return fields.map((field) => ({
    path: `${path}.${field}`,
    reason: REASON.needsHttp,
    message: `must be absent, as port ${split.spec.port} speaks TCP; declare its protocol in a MeshService`,
  }));
}

/** One that names nothing is left out. */
function translateMirrors(
  split: TrafficSplit,
  { mirrors = [] }: TrafficSplitRule,
  path: string,
  index: MeshIndex,
  problems: Problem[],
): readonly MirrorIr[] {
  return mirrors.flatMap(({ percent = 100, ...target }, position) => {
    const ref = {
      ...refOf(split, { ...target, weight: 1 }, `${path}.mirrors[${position}]`),
      serviceKey: serviceKeyOf(split, target, index),
      consequence: 'nobody gets a copy',
    };
    const { cluster } = resolveBackend(index, ref, problems);
    return cluster === undefined ? [] : [{ cluster, percent }];
  });
}

function translateBackends(
  split: TrafficSplit,
  { backends = [] }: TrafficSplitRule,
  path: string,
  index: MeshIndex,
  problems: Problem[],
): RouteRuleIr['backends'] {
  return backends.map((backend, position) => {
    const ref = refOf(split, backend, `${path}.backends[${position}]`);
    return resolveBackend(index, { ...ref, serviceKey: serviceKeyOf(split, backend, index) }, problems);
  });
}

function serviceKeyOf(split: TrafficSplit, { service }: TrafficSplitBackend, index: MeshIndex): string {
  return resolveServiceKey(index, split, service ?? split.spec.service);
}

function refOf(split: TrafficSplit, { subset, port, weight = 1 }: TrafficSplitBackend, path: string) {
  const part = subset === undefined ? {} : { subset };
  return { port: port ?? split.spec.port, ...part, weight, path, serviceField: 'service' as const };
}
