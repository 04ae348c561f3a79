import type { IPPool } from '../../api/generated/ippool.ts';
import type { Namespace, Node, Pod } from '../../api/kubernetes.ts';
import type { Condition } from '../../api/meta.ts';
import { CONDITION, REASON } from '../../api/reasons.ts';
import { canonicalIp, containsAddress, type Family, familyOf, parseCidr, parseIp } from '../../lib/ip.ts';
import { matchesSelector } from '../labels.ts';
import type { Problem } from '../problem.ts';
import { isTrue } from '../status/conditions.ts';
import type { PodLinkIr } from '../node/ir.ts';
import { chooseNetwork } from './pod-network.ts';
import type { PoolState } from './blocks.ts';
import { blockSizeOf } from './capacity.ts';

/** On a pod, or on its namespace: names of pools with commas between, instead of what selectors say. */
export const POOLS_ANNOTATION = 'weft.dev/ip-pools';
/** On a pod: addresses with commas between, at most one of each family. */
export const ADDRESSES_ANNOTATION = 'weft.dev/ip-addresses';

/** Where a pod's addresses come from. Lists are sorted. */
export interface PoolChoice {
  readonly pools: readonly string[];
  /** One address of each is leased. */
  readonly families: readonly Family[];
  /** In their canonical form. */
  readonly fixed: readonly string[];
  /** Absent: routed. */
  readonly link?: PodLinkIr;
}

/** Only pools whose range is theirs alone, that stay, and that give out addresses. */
export function isOpen({ metadata, spec, status }: IPPool): boolean {
  return (
    isTrue(status?.conditions, CONDITION.ready) && spec.disabled !== true && metadata.deletionTimestamp === undefined
  );
}

/** Another pool had part of the range first: this one gives out nothing. */
export function isSecond({ status }: IPPool): boolean {
  const isSo = ({ type, status: is, reason }: Condition) =>
    type === CONDITION.overlapping && is === 'True' && reason === REASON.overlaps;
  return status?.conditions?.some(isSo) ?? false;
}

export function poolStateOf({ metadata, spec }: IPPool): PoolState {
  const { cidr, reserved = [] } = spec;
  const mayBorrow = spec.borrowing !== 'Disabled';
  return { name: metadata.name, uid: metadata.uid ?? '', cidr, blockSize: blockSizeOf(spec), reserved, mayBorrow };
}

/** The pools that a node takes blocks of by itself, to have addresses ready: those for pods of any namespace. */
export function poolsForNode(pools: readonly IPPool[], node: Node): readonly IPPool[] {
  return pools.filter(
    (pool) =>
      isOpen(pool) &&
      pool.spec.assignment !== 'Manual' &&
      pool.spec.namespaceSelector === undefined &&
      isForNode(pool, node),
  );
}

/**
 * Whom a pod gets its addresses from: the pools that its annotation names, or its namespace's annotation, or else those
 * that select its namespace; where none of a family does, those for all namespaces. Always such as are for its node.
 *
 * @returns a Problem when an annotation says what cannot be; `pools` may be empty, and the pod then waits.
 */
export function choosePools(
  pools: readonly IPPool[],
  pod: Pod,
  namespace: Namespace | undefined,
  node: Node,
): PoolChoice | Problem {
  const named = pod.metadata.annotations?.[POOLS_ANNOTATION] ?? namespace?.metadata.annotations?.[POOLS_ANNOTATION];
  const usable = named === undefined ? selectedPools(pools, namespace, node) : namedPools(pools, named, node);
  if ('reason' in usable) return usable;
  const network = chooseNetwork(usable, pod);
  if ('reason' in network) return network;
  const { pools: chosen, link } = network;
  const fixed = fixedAddresses(pod, chosen);
  if ('reason' in fixed) return fixed;
  return {
    pools: chosen.map(({ metadata }) => metadata.name).sort(),
    families: [...new Set(chosen.map(({ spec }) => familyOf(spec.cidr)))].sort(),
    fixed: fixed.flatMap((address) => canonicalIp(address) ?? []).sort(),
    ...(link === undefined ? {} : { link }),
  };
}

function selectedPools(pools: readonly IPPool[], namespace: Namespace | undefined, node: Node): readonly IPPool[] {
  const labels = namespace?.metadata.labels ?? {};
  const open = pools.filter((pool) => isOpen(pool) && pool.spec.assignment !== 'Manual' && isForNode(pool, node));
  const own = open.filter(
    ({ spec }) => spec.namespaceSelector !== undefined && matchesSelector(spec.namespaceSelector, labels),
  );
  const common = open.filter(({ spec }) => spec.namespaceSelector === undefined);
  return ([4, 6] as const).flatMap((family) => {
    const of = (some: readonly IPPool[]) => some.filter(({ spec }) => familyOf(spec.cidr) === family);
    return of(own).length > 0 ? of(own) : of(common);
  });
}

function namedPools(pools: readonly IPPool[], text: string, node: Node): readonly IPPool[] | Problem {
  const found: IPPool[] = [];
  for (const name of new Set(wordsOf(text))) {
    const pool = pools.find(({ metadata }) => metadata.name === name);
    if (pool === undefined) return refuse(POOLS_ANNOTATION, REASON.poolNotFound, `there is no IPPool '${name}'`);
    if (!isForNode(pool, node)) {
      const message = `IPPool '${name}' is not for node '${node.metadata.name}' by its spec.nodeSelector`;
      return refuse(POOLS_ANNOTATION, REASON.poolNotForNode, message);
    }
    if (isOpen(pool)) found.push(pool);
  }
  return found;
}

function fixedAddresses(pod: Pod, pools: readonly IPPool[]): readonly string[] | Problem {
  const words = wordsOf(pod.metadata.annotations?.[ADDRESSES_ANNOTATION] ?? '');
  const bad = words.find((word) => parseIp(word) === undefined);
  if (bad !== undefined) {
    return refuse(ADDRESSES_ANNOTATION, REASON.invalidAddress, `'${bad}' must be an IP address, such as 10.244.7.7`);
  }
  if (new Set(words.map(familyOf)).size < words.length) {
    return refuse(ADDRESSES_ANNOTATION, REASON.invalidAddress, 'must have at most one address of each family');
  }
  const isIn = (word: string, { spec }: IPPool) => {
    const [range, ip] = [parseCidr(spec.cidr), parseIp(word)];
    return range !== undefined && ip !== undefined && containsAddress(range, ip);
  };
  const stray = words.find((word) => !pools.some((pool) => isIn(word, pool)));
  if (stray === undefined) return words;
  const message = `${stray} is in no IPPool that the pod may use; see: kubectl get ippools`;
  return refuse(ADDRESSES_ANNOTATION, REASON.addressOutside, message);
}

function isForNode({ spec }: IPPool, { metadata }: Node): boolean {
  return spec.nodeSelector === undefined || matchesSelector(spec.nodeSelector, metadata.labels ?? {});
}

function wordsOf(text: string): string[] {
  return text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
}

function refuse(annotation: string, reason: string, message: string): Problem {
  return { path: `metadata.annotations[${annotation}]`, reason, message };
}
