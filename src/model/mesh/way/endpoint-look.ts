import type { Pod, Service } from '../../../api/kubernetes.ts';
import { canonicalIp } from '../../../lib/ip.ts';
import { bearsLabels } from '../../labels.ts';
import type { EndpointIr, InboundPortIr } from '../../node/ir.ts';
import { meshServiceFor, type MeshIndex } from '../mesh-index.ts';
import { translatePodMesh } from '../pod-mesh.ts';
import { identityPath } from '../request-match.ts';

export interface EndpointLook {
  readonly address: string;
  readonly port: number;
  /** `namespace/name`. */
  readonly pod?: string;
  readonly node?: string;
  readonly zone?: string;
  /** Its share beside those of the others. */
  readonly weight: number;
  readonly calledBy: 'mutual TLS' | 'plain';
  /** That it must prove, without the trust domain. */
  readonly identity?: string;
  /** What its own proxy does with the call; absent: it has none. */
  readonly server?: InboundPortIr;
  /** Why it does not take the call. */
  readonly refusal?: string;
}

/** One that is not called. */
export interface LeftOut {
  readonly address: string;
  readonly pod?: string;
  readonly why: string;
}

export interface EndpointFacts {
  readonly index: MeshIndex;
  readonly services: readonly Service[];
}

/**
 * What becomes of a call at each of the endpoints.
 *
 * @param from  the Service whose EndpointSlices say which pods they are.
 * @param isByProxy  whether the caller's proxy makes the connection.
 */
export function lookAtEndpoints(
  facts: EndpointFacts,
  endpoints: readonly EndpointIr[],
  from: string,
  isByProxy: boolean,
): readonly EndpointLook[] {
  const sliced = new Map(slicedEndpoints(facts.index, from).map((of) => [of.address, of]));
  return endpoints.map((endpoint) => lookAtEndpoint(facts, endpoint, sliced.get(endpoint.address), isByProxy));
}

function lookAtEndpoint(
  { index, services }: EndpointFacts,
  endpoint: EndpointIr,
  found: SlicedEndpoint | undefined,
  isByProxy: boolean,
): EndpointLook {
  const { address, port, zone, weight = 1, spiffeId } = endpoint;
  const pod = found?.pod;
  const server = pod === undefined ? undefined : serverOf(pod, port, { index, services });
  const calledBy = isByProxy && spiffeId !== undefined ? 'mutual TLS' : 'plain';
  const isRefused = calledBy === 'plain' && server?.tlsMode === 'Strict';
  return {
    ...{ address, port, weight, calledBy },
    ...(found?.name === undefined ? {} : { pod: found.name }),
    ...(found?.node === undefined ? {} : { node: found.node }),
    ...(zone === undefined ? {} : { zone }),
    ...(calledBy === 'plain' || spiffeId === undefined ? {} : { identity: identityPath(spiffeId) }),
    ...(server === undefined ? {} : { server }),
    ...(isRefused ? { refusal: 'its proxy is Strict and closes plain connections' } : {}),
  };
}

/** Endpoints of a Service that nobody is sent to, and why; those of other subsets only where this one has none. */
export function leftOutOf(
  index: MeshIndex,
  serviceKey: string,
  subset: string | undefined,
  called: readonly EndpointIr[],
) {
  const mesh = meshServiceFor(index, serviceKey);
  const labels = mesh?.spec.subsets?.find(({ name }) => name === subset)?.labels;
  const all = slicedEndpoints(index, serviceKey);
  // A pod of both families is there twice.
  const isCalled = new Set(called.map(({ address }) => address));
  const known = new Set(all.filter(({ address }) => isCalled.has(address)).map(nameOf));
  return all.flatMap((endpoint): LeftOut[] => {
    const { address, name, pod, isReady, isEnding } = endpoint;
    if (known.has(nameOf(endpoint))) return [];
    known.add(nameOf(endpoint));
    const isOfSubset = labels === undefined || bearsLabels(pod?.metadata.labels ?? {}, labels);
    if (!isOfSubset && called.length > 0) return [];
    const why = !isOfSubset
      ? `it is not of subset ${subset}: ${Object.entries(labels).map((label) => label.join('='))}`
      : isEnding
        ? 'it is ending'
        : !isReady
          ? 'it is not ready'
          : 'it has no such port, or no address of the family that the service is called by';
    return [{ address, ...(name === undefined ? {} : { pod: name }), why }];
  });
}

function nameOf({ name, address }: SlicedEndpoint): string {
  return name ?? address;
}

interface SlicedEndpoint {
  readonly address: string;
  readonly name?: string;
  readonly node?: string;
  readonly pod: Pod | undefined;
  readonly isReady: boolean;
  readonly isEnding: boolean;
}

function slicedEndpoints(index: MeshIndex, serviceKey: string): readonly SlicedEndpoint[] {
  return index.slicesOf(serviceKey).flatMap(({ metadata, endpoints }) =>
    (endpoints ?? []).flatMap(({ addresses, targetRef, nodeName, conditions }): SlicedEndpoint[] => {
      const address = canonicalIp(addresses[0] ?? '');
      if (address === undefined) return [];
      const isPod = targetRef?.kind === 'Pod' && targetRef.name !== undefined;
      const name = isPod ? `${targetRef.namespace ?? metadata.namespace}/${targetRef.name}` : undefined;
      const pod = name === undefined ? undefined : index.pod(name);
      const node = nodeName ?? pod?.spec.nodeName;
      const [isReady, isEnding] = [conditions?.ready !== false, conditions?.terminating === true];
      const names = { ...(name === undefined ? {} : { name }), ...(node === undefined ? {} : { node }) };
      return [{ address, ...names, pod, isReady, isEnding }];
    }),
  );
}

/** What the pod's proxy does at a port: as `encodeInbound` has it for ports that no Service leads to. */
function serverOf(pod: Pod, port: number, { index, services }: EndpointFacts): InboundPortIr | undefined {
  const own = services.filter(({ metadata }) => metadata.namespace === pod.metadata.namespace);
  const mesh = translatePodMesh(pod, { index, services: own, proxyUid: 0 });
  if (mesh === undefined) return undefined;
  return mesh.inbound.find((of) => of.port === port) ?? { port, protocol: 'TCP', tlsMode: mesh.tlsMode };
}
