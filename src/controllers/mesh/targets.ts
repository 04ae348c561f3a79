import type { Gateway } from '../../api/gateway.ts';
import type { Pod } from '../../api/kubernetes.ts';
import { objectKey } from '../../api/meta.ts';
import type { StoreReader } from '../../kube/store.ts';
import { GATEWAY_LABEL } from '../../model/mesh/gateway/gateway-index.ts';
import { isInjected } from '../../model/mesh/identity.ts';
import type { AnyRef } from '../../model/node/desired-update.ts';
import type { ProgramTarget } from '../../model/status/programmed.ts';
import type { ProxyStates } from './proxies.ts';

export interface TargetDeps {
  readonly pods: StoreReader<Pod>;
  readonly proxies: ProxyStates;
  /** What each node should hold. */
  readonly table: { version(node: string, ref: AnyRef): string | undefined };
  readonly isConnected: (node: string) => boolean;
}

/** The proxies of a Gateway's own pods. */
export function gatewayTargets(deps: TargetDeps, { metadata }: Gateway): ProgramTarget[] {
  const { namespace = 'default', name } = metadata;
  const own = deps.pods.inNamespace(namespace).filter((pod) => pod.metadata.labels?.[GATEWAY_LABEL] === name);
  return targetsAmong(deps, own, { kind: 'gateway', key: `${namespace}/${name}` });
}

/** Every running proxy may call every service, so each has to know how this one is called. */
export function targetsOf(deps: TargetDeps, serviceKey: string): ProgramTarget[] {
  const callers = deps.pods.list().filter((pod) => pod.metadata.labels?.[GATEWAY_LABEL] === undefined);
  return targetsAmong(deps, callers, { kind: 'service', key: serviceKey });
}

function targetsAmong({ proxies, table, isConnected }: TargetDeps, pods: readonly Pod[], ref: AnyRef): ProgramTarget[] {
  return pods.flatMap((pod): ProgramTarget[] => {
    const { nodeName } = pod.spec;
    if (!isInjected(pod) || nodeName === undefined || pod.status?.phase !== 'Running') return [];
    return [
      {
        name: objectKey(pod),
        isReachable: isConnected(nodeName),
        wanted: table.version(nodeName, ref) ?? '',
        ...proxies.word(pod.metadata.uid ?? '', ref.kind, ref.key),
      },
    ];
  });
}
