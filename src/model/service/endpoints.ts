import { canonicalIp, compareIps, type Family } from '../../lib/ip.ts';
import type { RoutedEndpoint, RoutedSlice, RoutingNode } from './objects.ts';
import type { ServiceProtocol, VipBackendIr } from './vip.ts';

/** One address of one service port, of one family. */
export interface Candidate {
  readonly address: string;
  readonly port: number;
  readonly isReady: boolean;
  /** Still answers, though it is on its way out. */
  readonly isServingTerminating: boolean;
  readonly isLocal: boolean;
  readonly zoneHints: readonly string[];
  readonly nodeHints: readonly string[];
}

/** Those of all slices, one for each address and port: when two slices name it, a usable one counts. */
export function candidatesOf(
  slices: readonly RoutedSlice[],
  port: { readonly name: string; readonly protocol: ServiceProtocol },
  family: Family,
  node: RoutingNode,
): Candidate[] {
  const byPlace = new Map<string, Candidate>();
  for (const slice of slices) {
    if (slice.addressType !== `IPv${family}`) continue;
    for (const of of slice.ports) {
      if ((of.name ?? '') !== port.name || (of.protocol ?? 'TCP') !== port.protocol || of.port === undefined) continue;
      for (const endpoint of slice.endpoints) {
        const candidate = candidateOf(endpoint, of.port, node);
        if (candidate === undefined) continue;
        const place = `${candidate.address} ${candidate.port}`;
        const other = byPlace.get(place);
        if (other === undefined || rank(candidate) > rank(other)) byPlace.set(place, candidate);
      }
    }
  }
  return [...byPlace.values()].sort((a, b) => compareIps(a.address, b.address) || a.port - b.port);
}

function candidateOf(endpoint: RoutedEndpoint, port: number, node: RoutingNode): Candidate | undefined {
  // The addresses of an endpoint are interchangeable, and consumers take the first.
  const address = canonicalIp(endpoint.addresses[0] ?? '');
  if (address === undefined) return undefined;
  const { ready, serving, terminating } = endpoint.conditions ?? {};
  const isReady = ready ?? true;
  return {
    address,
    port,
    isReady,
    isServingTerminating: !isReady && (serving ?? isReady) && terminating === true,
    isLocal: endpoint.nodeName === node.name,
    zoneHints: endpoint.hints?.forZones?.map(({ name }) => name) ?? [],
    nodeHints: endpoint.hints?.forNodes?.map(({ name }) => name) ?? [],
  };
}

function rank({ isReady, isServingTerminating }: Candidate): number {
  return isReady ? 2 : isServingTerminating ? 1 : 0;
}

/** The ready ones, near ones only where hints say so; when none is ready, those that are terminating and still serve. */
export function clusterBackends(candidates: readonly Candidate[], node: RoutingNode): VipBackendIr[] {
  return backends(usable(candidates, (ready) => nearest(ready, node)));
}

/** Of this node, whatever hints say. */
export function localBackends(candidates: readonly Candidate[]): VipBackendIr[] {
  return backends(
    usable(
      candidates.filter(({ isLocal }) => isLocal),
      (ready) => ready,
    ),
  );
}

function usable(
  candidates: readonly Candidate[],
  choose: (ready: readonly Candidate[]) => readonly Candidate[],
): readonly Candidate[] {
  const ready = candidates.filter(({ isReady }) => isReady);
  return ready.length > 0 ? choose(ready) : candidates.filter(({ isServingTerminating }) => isServingTerminating);
}

/** Hints hold only when every ready endpoint has one and one of them is for here; nodes go before zones. */
function nearest(ready: readonly Candidate[], { name, zone }: RoutingNode): readonly Candidate[] {
  const forNode = ready.filter(({ nodeHints }) => nodeHints.includes(name));
  if (forNode.length > 0 && ready.every(({ nodeHints }) => nodeHints.length > 0)) return forNode;
  const forZone = zone === undefined ? [] : ready.filter(({ zoneHints }) => zoneHints.includes(zone));
  if (forZone.length > 0 && ready.every(({ zoneHints }) => zoneHints.length > 0)) return forZone;
  return ready;
}

function backends(candidates: readonly Candidate[]): VipBackendIr[] {
  return candidates.map(({ address, port, isLocal }) => ({ address, port, ...(isLocal ? { isLocal } : {}) }));
}
