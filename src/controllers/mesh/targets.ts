import type { Pod } from '../../api/kubernetes.ts';
import { objectKey } from '../../api/meta.ts';
import type { StoreReader } from '../../kube/store.ts';
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

/** Every running proxy may call every service, so each has to know how this one is called. */
export function targetsOf({ pods, proxies, table, isConnected }: TargetDeps, serviceKey: string): ProgramTarget[] {
  const ref = { kind: 'service', key: serviceKey };
  return pods.list().flatMap((pod): ProgramTarget[] => {
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
