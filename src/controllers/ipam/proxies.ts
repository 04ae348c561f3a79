import type { Namespace, Pod } from '../../api/kubernetes.ts';
import { objectKey } from '../../api/meta.ts';
import type { StoreReader } from '../../kube/store.ts';
import type { IpamAnswer } from '../../model/ipam/ask.ts';
import { isInjected } from '../../model/mesh/identity.ts';
import { GATEWAY_LABEL } from '../../model/mesh/gateway/gateway-index.ts';
import { podsWithoutProxy } from '../../model/mesh/missing-proxies.ts';
import type { ProxyPart, ProxySummary, ProxyViewAsk } from '../../model/mesh/proxy-view.ts';
import type { AnyRef } from '../../model/node/desired-update.ts';
import type { ProxyStates } from '../mesh/proxies.ts';

export interface ProxiesDeps {
  readonly pods: StoreReader<Pod>;
  readonly namespaces: StoreReader<Namespace>;
  /** Weft's own. */
  readonly namespace: string;
  /** What each node should hold. */
  readonly table: {
    resourcesOf(node: string): readonly AnyRef[];
    version(node: string, ref: AnyRef): string | undefined;
  };
  readonly proxies: Pick<ProxyStates, 'word'>;
  readonly isConnected: (node: string) => boolean;
  /** Asks a pod's proxy by its node; gzip. Rejects when the node or the proxy does not answer. */
  readonly proxyView: (node: string, ask: ProxyViewAsk) => Promise<Uint8Array>;
}

/** An answer has to fit into a ConfigMap. */
const MOST_PROXIES = 2_000;
const MOST_VIEW_BYTES = 600_000;
/** What a proxy's configuration is made of. */
const TOLD: ReadonlySet<string> = new Set(['endpoints', 'service']);

/** How far proxies are with what they were told; those that lag or refuse something come first. */
export function lookAtProxies(deps: ProxiesDeps, pod: string | undefined): IpamAnswer {
  const pods = deps.pods.list().filter((each) => isRunning(each) && (pod === undefined || objectKey(each) === pod));
  if (pod !== undefined && pods.length === 0) return notThere(pod);
  const told = new Map<string, readonly AnyRef[]>();
  const refsOf = (node: string) => {
    const known = told.get(node) ?? deps.table.resourcesOf(node).filter(({ kind }) => TOLD.has(kind));
    told.set(node, known);
    return known;
  };
  const proxies = pods.map((each) => summaryOf(deps, each, refsOf(each.spec.nodeName ?? '')));
  proxies.sort((a, b) => lagOf(b) - lagOf(a) || (a.pod < b.pod ? -1 : 1));
  return {
    what: 'proxies',
    proxies: proxies.slice(0, MOST_PROXIES),
    proxiesLeftOff: Math.max(0, proxies.length - MOST_PROXIES),
    without: pod === undefined ? withoutProxy(deps).slice(0, MOST_PROXIES) : [],
  };
}

export function withoutProxy({ pods, namespaces, namespace }: Pick<ProxiesDeps, 'pods' | 'namespaces' | 'namespace'>) {
  return podsWithoutProxy(pods.list(), (name) => namespaces.get(name), new Set(['kube-system', namespace]));
}

/** A part of one proxy's configuration, as it has it. */
export async function viewProxy(
  deps: ProxiesDeps,
  { pod, part, filter }: { readonly pod: string; readonly part: ProxyPart; readonly filter: string },
): Promise<IpamAnswer> {
  const found = deps.pods.get(pod);
  if (found === undefined || !isRunning(found)) return notThere(pod);
  try {
    const node = found.spec.nodeName ?? '';
    const body = await deps.proxyView(node, { podUid: found.metadata.uid ?? '', part, filter });
    if (body.length <= MOST_VIEW_BYTES) return { what: 'proxy', body: Buffer.from(body).toString('base64') };
    return { what: 'refusal', message: 'the answer is too long to be passed on: name less with --filter' };
  } catch (error) {
    return { what: 'refusal', message: error instanceof Error ? error.message : String(error) };
  }
}

function summaryOf({ table, proxies, isConnected }: ProxiesDeps, pod: Pod, refs: readonly AnyRef[]): ProxySummary {
  const { nodeName: node = '' } = pod.spec;
  const { uid = '' } = pod.metadata;
  const gateway = pod.metadata.labels?.[GATEWAY_LABEL];
  const endpoints = refs.filter(({ kind }) => kind === 'endpoints');
  const all =
    gateway === undefined
      ? [...refs, { kind: 'pod', key: uid }]
      : [...endpoints, { kind: 'gateway', key: `${pod.metadata.namespace ?? 'default'}/${gateway}` }];
  const refused: string[] = [];
  let acknowledged = 0;
  for (const ref of all) {
    const word = proxies.word(uid, ref.kind, ref.key);
    const wanted = table.version(node, ref);
    if (word.acknowledged === wanted) acknowledged += 1;
    else if (word.rejected?.version === wanted) refused.push(`${ref.kind} ${ref.key}: ${word.rejected?.message}`);
  }
  return { pod: objectKey(pod), node, isReachable: isConnected(node), told: all.length, acknowledged, refused };
}

function lagOf({ told, acknowledged, refused, isReachable }: ProxySummary): number {
  return refused.length * 1_000_000 + (told - acknowledged) + (isReachable ? 0 : 1);
}

function isRunning(pod: Pod): boolean {
  return isInjected(pod) && pod.spec.nodeName !== undefined && pod.status?.phase === 'Running';
}

function notThere(pod: string): IpamAnswer {
  const [namespace] = pod.split('/');
  return {
    what: 'refusal',
    message: `there is no running pod '${pod}' with a proxy; see: kubectl get pods -n ${namespace} -l weft.dev/proxy=injected`,
  };
}
