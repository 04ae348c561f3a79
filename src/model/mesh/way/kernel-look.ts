import type { Service } from '../../../api/kubernetes.ts';
import { objectKey } from '../../../api/meta.ts';
import type { EndpointIr } from '../../node/ir.ts';
import { routedService, routedSlice, type RoutingNode } from '../../service/objects.ts';
import { translateServiceRules } from '../../service/translate-service.ts';
import type { ServiceProtocol } from '../../service/vip.ts';
import { findEndpoints } from '../endpoints.ts';
import { meshServiceFor } from '../mesh-index.ts';
import { lookAtEndpoints } from './endpoint-look.ts';
import { refusalOf, type RouteFacts, type RouteLook } from './route-look.ts';

/** Where a call goes that no proxy of the caller's takes: to one of these endpoints, in plain. */
export function lookAtKernel(
  service: Service,
  port: { readonly port: number; readonly protocol: ServiceProtocol },
  node: RoutingNode,
  facts: RouteFacts,
): RouteLook {
  const key = objectKey(service);
  const routed = routedService(service);
  const { called, whenEmpty } =
    routed === undefined ? podsOf(service, port.port, facts) : backendsOf(service, port, node, facts);
  const endpoints = lookAtEndpoints(facts, called, key, false).map((look) => ({
    ...look,
    policy: facts.judge(look, facts.call.request),
  }));
  const failure = endpoints.length === 0 ? whenEmpty : refusalOf(endpoints);
  return {
    origin: routed === undefined ? `names of Service ${key}` : `Service ${key}, by the kernel of the caller's node`,
    effects: [],
    backends: [
      {
        ...{ name: `${key}:${port.port}`, weight: 1, percent: 100, settings: [], endpoints, leftOut: [] },
        ...(failure === undefined ? {} : { failure }),
      },
    ],
  };
}

const REFUSED = 'refused: it has no endpoint';

interface KernelChoice {
  readonly called: readonly EndpointIr[];
  /** What becomes of the call where there is none. */
  readonly whenEmpty: string;
}

/** As the node's table of Services has it, in the family that it has first. */
function backendsOf(
  service: Service,
  { port, protocol }: { readonly port: number; readonly protocol: ServiceProtocol },
  node: RoutingNode,
  { index }: RouteFacts,
): KernelChoice {
  const routed = routedService(service);
  const slices = index.slicesOf(objectKey(service)).flatMap((slice) => routedSlice(slice) ?? []);
  const rules = routed === undefined ? [] : translateServiceRules(routed, slices, node);
  const own = rules.find(
    ({ scope, protocol: of, frontends }) =>
      scope === 'internal' && of === protocol && frontends.some((frontend) => frontend.port === port),
  );
  const whenEmpty = own?.whenEmpty === 'drop' ? "dropped: it has no endpoint on the caller's node" : REFUSED;
  return { called: (own?.backends ?? []).map(({ address, port: at }) => ({ address, port: at })), whenEmpty };
}

/** What the names of a headless Service lead to. */
function podsOf(service: Service, at: number, { index }: RouteFacts): KernelChoice {
  const key = objectKey(service);
  const port = service.spec.ports?.find((of) => of.port === at);
  const found = port === undefined ? [] : findEndpoints(index, key, port, meshServiceFor(index, key));
  return { called: found.map(({ ir }) => ir), whenEmpty: REFUSED };
}
