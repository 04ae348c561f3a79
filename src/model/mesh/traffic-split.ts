import type { TrafficSplit, TrafficSplitMatch, TrafficSplitRule } from '../../api/generated/trafficsplit.ts';
import { objectKey } from '../../api/meta.ts';
import { REASON } from '../../api/reasons.ts';
import type { AppProtocol, RouteMatchIr, RouteRuleIr } from '../node/ir.ts';
import type { Problem, Translation } from '../problem.ts';
import { resolveBackend } from './backends.ts';
import { callPolicy } from './call-policy.ts';
import { meshServiceFor, resolveServiceKey, type MeshIndex } from './mesh-index.ts';
import { isHttp } from './protocol.ts';

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
): Translation<readonly RouteRuleIr[]> {
  const problems: Problem[] = [];
  const mesh = meshServiceFor(index, resolveServiceKey(index, split, split.spec.service));
  const rules = split.spec.rules.flatMap((rule, position): RouteRuleIr[] => {
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
    return [
      {
        origin: splitOrigin(split),
        matches: matches.map(translateMatch),
        backends: translateBackends(split, rule, path, index, problems),
        ...callPolicy(protocol, mesh, rule.timeoutMilliseconds),
      },
    ];
  });
  return { value: isHttp(protocol) ? rules : rules.slice(0, 1), problems };
}

function translateBackends(
  split: TrafficSplit,
  rule: TrafficSplitRule,
  path: string,
  index: MeshIndex,
  problems: Problem[],
): RouteRuleIr['backends'] {
  return rule.backends.map(({ service, subset, port, weight = 1 }, position) =>
    resolveBackend(
      index,
      {
        serviceKey: resolveServiceKey(index, split, service ?? split.spec.service),
        port: port ?? split.spec.port,
        ...(subset === undefined ? {} : { subset }),
        weight,
        path: `${path}.backends[${position}]`,
        serviceField: 'service',
      },
      problems,
    ),
  );
}

/** Header names in lower case, as HTTP/2 has them; they mean the same in any case (RFC 9110, 5.1). */
function translateMatch({ path, method, headers = [] }: TrafficSplitMatch): RouteMatchIr {
  return {
    ...(path === undefined ? {} : { path: { type: path.type, value: path.value } }),
    ...(method === undefined ? {} : { method }),
    headers: headers.map(({ name, value }) => ({ name: name.toLowerCase(), value })),
  };
}
