import { ClusterSchema } from '../../xds/generated/wire/envoy/config/cluster/v3/cluster_pb.js';
import { ListenerSchema } from '../../xds/generated/wire/envoy/config/listener/v3/listener_pb.js';
import { RouteConfigurationSchema } from '../../xds/generated/wire/envoy/config/route/v3/route_pb.js';
import { SecretSchema } from '../../xds/generated/wire/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import type { ProxyAdmin } from './admin.ts';
import { typeUrlOf } from './encoded.ts';

/** By type URL: name → version; of a listener, whose chains Envoy exchanges under its first version, undefined. */
export type HeldResources = ReadonlyMap<string, ReadonlyMap<string, string | undefined>>;

interface Dumped {
  readonly name?: string;
  readonly version_info?: string;
  readonly cluster?: { readonly name?: string };
  readonly route_config?: { readonly name?: string };
}

/** What is asked for of each type: names and versions only. */
const DUMPS = [
  [ClusterSchema, 'resource=dynamic_active_clusters&mask=version_info,cluster.name'],
  [ListenerSchema, 'resource=dynamic_listeners&mask=name'],
  [RouteConfigurationSchema, 'resource=dynamic_route_configs&mask=version_info,route_config.name'],
  [SecretSchema, 'resource=dynamic_active_secrets&mask=name,version_info'],
] as const;

/** What the proxy itself says that it holds; of endpoints it says no version. Rejects when it does not answer. */
export async function heldBy(admin: Pick<ProxyAdmin, 'get'>): Promise<HeldResources> {
  const held = new Map<string, ReadonlyMap<string, string | undefined>>();
  for (const [schema, query] of DUMPS) {
    held.set(typeUrlOf(schema), versionsIn(await admin.get(`/config_dump?${query}`)));
  }
  return held;
}

function versionsIn(text: string): ReadonlyMap<string, string | undefined> {
  const { configs = [] } = JSON.parse(text) as { readonly configs?: readonly Dumped[] };
  return new Map(
    configs.flatMap((one): [string, string | undefined][] => {
      const name = one.name ?? one.cluster?.name ?? one.route_config?.name;
      return name === undefined ? [] : [[name, one.version_info]];
    }),
  );
}
