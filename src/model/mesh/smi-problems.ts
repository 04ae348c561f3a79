import { REASON } from '../../api/reasons.ts';
import type { SmiTrafficSplit } from '../../api/smi.ts';
import type { Problem } from '../problem.ts';
import { inNamespaceOf, type MeshIndex } from './mesh-index.ts';
import { problemsOfTrafficSplit } from './mesh-problems.ts';
import { type SmiIndex, smiServiceKey, trafficSplitsOfSmi } from './smi-split.ts';

/** What of it is not in force, in the order of its fields. */
export function problemsOfSmiSplit(index: SmiIndex & MeshIndex, split: SmiTrafficSplit): readonly Problem[] {
  const own = split.metadata.namespace ?? 'default';
  const serviceKey = smiServiceKey(split);
  if (!serviceKey.startsWith(`${own}/`)) {
    const message = `must be a Service of namespace '${own}', and not '${split.spec.service}'`;
    return [{ path: 'spec.service', reason: REASON.unsupportedValue, message }];
  }
  if (index.service(serviceKey) === undefined) {
    const message = `there is no Service '${serviceKey}'`;
    return [{ path: 'spec.service', reason: REASON.serviceNotFound, message }];
  }
  const groups = (split.spec.matches ?? []).flatMap(({ name }, position): readonly Problem[] => {
    if (index.routeGroup(inNamespaceOf(split, name)) !== undefined) return [];
    const message = `there is no HTTPRouteGroup '${inNamespaceOf(split, name)}': it matches nothing`;
    return [{ path: `spec.matches[${position}].name`, reason: REASON.backendNotFound, message }];
  });
  const of = trafficSplitsOfSmi(index, split).flatMap((each) =>
    problemsOfTrafficSplit(index, each).map((problem) => ({
      ...problem,
      message: `${problem.message} (port ${each.spec.port})`,
    })),
  );
  return [...groups, ...of];
}
