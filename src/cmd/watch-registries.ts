import type { Service } from '../api/kubernetes.ts';
import type { WatchSource } from '../controllers/mesh/found-sources.ts';
import { RegistrySecrets } from '../controllers/mesh/registry-secrets.ts';
import { createHttpGet } from '../discovery/http-get.ts';
import { Registries } from '../discovery/registries.ts';
import type { KubeApi } from '../kube/client.ts';
import type { StoreReader } from '../kube/store.ts';
import type { Clock } from '../lib/clock.ts';
import { isOfMachine } from '../lib/ip.ts';
import type { Logger } from '../lib/logger.ts';

export interface RegistryWatchDeps {
  readonly api: KubeApi;
  readonly services: StoreReader<Service>;
  /** Weft's own. */
  readonly namespace: string;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
}

/** Registries may be Services of the cluster: the operator has its node's DNS, which does not know them. */
export function watchRegistries({ services, api, namespace, ...common }: RegistryWatchDeps): WatchSource {
  const addressOf = (host: string) => clusterAddress(services, host);
  const registries = new Registries({
    ...common,
    get: createHttpGet({ addressOf, mayCall: isOfMachine }),
    readSecret: new RegistrySecrets(api, namespace).read,
  });
  return (source, namespaceOfSource, changed) => registries.watch(source, namespaceOfSource, changed);
}

function clusterAddress(services: StoreReader<Service>, host: string): string | undefined {
  const [, name, namespace] = /^([^.]+)\.([^.]+)\.svc(?:\.|$)/.exec(host) ?? [];
  const { clusterIP } = services.get(`${namespace}/${name}`)?.spec ?? {};
  return clusterIP === undefined || clusterIP === '' || clusterIP === 'None' ? undefined : clusterIP;
}
