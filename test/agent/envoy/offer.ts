import type { EncodedResource } from '../../../src/agent/envoy/encoded.ts';
import { HostNames } from '../../../src/agent/envoy/host-names.ts';
import { ProxyResources } from '../../../src/agent/envoy/proxy-resources.ts';
import { SharedResources } from '../../../src/agent/envoy/shared-resources.ts';
import type { OwnInput, SharedInput } from '../../../src/agent/envoy/snapshot.ts';

export type OfferInput = SharedInput & OwnInput;

/** One node's proxies: by pod, what each is offered after the last input. */
export class Offers {
  readonly shared = new SharedResources();
  readonly #names = new HostNames();
  readonly #proxies = new Map<string, ProxyResources>();

  /** Tells all proxies of what they share, and the input's pod of its own; returns what that pod's is offered. */
  take(input: OfferInput): ProxyResources {
    const { uid } = input.pod.body;
    const proxy = this.#proxies.get(uid) ?? new ProxyResources(this.shared, this.#names);
    proxy.update(input, this.shared.update(input));
    this.#proxies.set(uid, proxy);
    return proxy;
  }
}

const TYPES = [
  'config.cluster.v3.Cluster',
  'config.endpoint.v3.ClusterLoadAssignment',
  'config.listener.v3.Listener',
  'config.route.v3.RouteConfiguration',
  'extensions.transport_sockets.tls.v3.Secret',
];

/** Everything that a proxy is offered. */
export function allOf({ resources }: Pick<ProxyResources, 'resources'>): EncodedResource[] {
  return TYPES.flatMap((type) => {
    const offered = resources.get(`type.googleapis.com/envoy.${type}`);
    return [...offered.keys()].flatMap((name) => offered.get(name) ?? []);
  });
}
