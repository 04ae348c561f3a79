import type { MeshServiceEurekaSource, MeshServiceSource } from '../api/generated/meshservice.ts';
import type { Clock } from '../lib/clock.ts';
import { Listeners } from '../lib/listeners.ts';
import type { Logger } from '../lib/logger.ts';
import type { Secret } from '../lib/secret.ts';
import type { SourceState } from '../model/mesh/found-instance.ts';
import { type Credentials, type EurekaDeps, EurekaRegistry } from './eureka/eureka-registry.ts';
import type { HttpGet } from './http-get.ts';

export interface RegistriesDeps {
  readonly get: HttpGet;
  /** Key → text. Rejects with what has to be done. */
  readonly readSecret: (
    ref: { readonly namespace: string; readonly name: string },
    signal: AbortSignal,
  ) => Promise<ReadonlyMap<string, Secret>>;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
  /** Tests have less time. */
  readonly eureka?: Pick<EurekaDeps, 'everyMs' | 'graceMs'>;
}

interface Watched {
  state(): SourceState;
  close(): void;
}

interface SharedEureka {
  readonly registry: EurekaRegistry;
  readonly changes: Listeners<void>;
  users: number;
}

/** Registries that services are found in, each asked once for all MeshServices that name it in the same way. */
export class Registries {
  readonly #deps: RegistriesDeps;
  readonly #eurekas = new Map<string, SharedEureka>();

  constructor(deps: RegistriesDeps) {
    this.#deps = deps;
  }

  /** Undefined for a source that is found in no registry. @param changed called when `state` may answer differently. */
  watch(source: MeshServiceSource, namespace: string, changed: () => void): Watched | undefined {
    return source.eureka === undefined ? undefined : this.#watchEureka(source.eureka, namespace, changed);
  }

  #watchEureka(source: MeshServiceEurekaSource, namespace: string, changed: () => void): Watched {
    const { serviceUrls, credentialsSecret, application } = source;
    const secret = credentialsSecret === undefined ? undefined : { namespace, name: credentialsSecret.name };
    const key = JSON.stringify([serviceUrls, secret]);
    const shared = this.#eurekas.get(key) ?? this.#openEureka(serviceUrls, secret);
    this.#eurekas.set(key, shared);
    shared.users += 1;
    const state = () => shared.registry.stateOf(application.toUpperCase());
    const stop = shared.changes.listen(whenDifferent(state, changed));
    return {
      state,
      close: () => {
        stop();
        shared.users -= 1;
        if (shared.users > 0) return;
        shared.registry.close();
        this.#eurekas.delete(key);
      },
    };
  }

  #openEureka(urls: readonly string[], secret: { namespace: string; name: string } | undefined): SharedEureka {
    const { readSecret, eureka, ...deps } = this.#deps;
    const changes = new Listeners<void>();
    const credentials = async (signal: AbortSignal): Promise<Credentials | undefined> => {
      if (secret === undefined) return undefined;
      const keys = await readSecret(secret, signal);
      const [username, password] = [keys.get('username'), keys.get('password')];
      if (username === undefined || password === undefined) {
        throw new Error(`Secret '${secret.namespace}/${secret.name}' must have the keys username and password`);
      }
      return { username: username.reveal(), password };
    };
    const registry = new EurekaRegistry({
      ...{ ...deps, ...eureka },
      ...{ urls, credentials, changed: () => changes.tell() },
    });
    return { registry, changes, users: 0 };
  }
}

/** A registry tells of everything that it learns; most of it is about other services. */
function whenDifferent(state: () => SourceState, changed: () => void): () => void {
  let told = '';
  return () => {
    const text = JSON.stringify(state());
    if (text === told) return;
    told = text;
    changed();
  };
}
