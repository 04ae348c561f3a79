import type {
  MeshServiceConsulSource,
  MeshServiceEurekaSource,
  MeshServiceSource,
} from '../api/generated/meshservice.ts';
import type { Clock } from '../lib/clock.ts';
import { Listeners } from '../lib/listeners.ts';
import type { Logger } from '../lib/logger.ts';
import type { Secret } from '../lib/secret.ts';
import type { SourceState } from '../model/mesh/found-instance.ts';
import { ConsulService } from './consul/consul-service.ts';
import { type EurekaDeps, EurekaRegistry } from './eureka/eureka-registry.ts';
import type { HttpGet } from './http-get.ts';

export interface RegistriesDeps {
  readonly get: HttpGet;
  /** Key → text. Rejects with what has to be done. */
  readonly readSecret: (ref: SecretRef, signal: AbortSignal) => Promise<ReadonlyMap<string, Secret>>;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
  /** Tests have less time. */
  readonly eureka?: Pick<EurekaDeps, 'everyMs' | 'graceMs'>;
}

interface SecretRef {
  readonly namespace: string;
  readonly name: string;
}

interface Watched {
  state(): SourceState;
  close(): void;
}

/** What is asked once for all that name it in the same way. */
interface Shared<T> {
  readonly registry: T;
  readonly changes: Listeners<void>;
  users: number;
}

type Open<T> = (changed: () => void) => T;

/** Registries that services are found in, each asked once for all MeshServices that name it in the same way. */
export class Registries {
  readonly #deps: RegistriesDeps;
  readonly #eurekas = new Map<string, Shared<EurekaRegistry>>();
  readonly #consuls = new Map<string, Shared<ConsulService>>();

  constructor(deps: RegistriesDeps) {
    this.#deps = deps;
  }

  /** Undefined for a source that is found in no registry. @param changed called when `state` may answer differently. */
  watch({ eureka, consul }: MeshServiceSource, namespace: string, changed: () => void): Watched | undefined {
    if (eureka !== undefined) return this.#watchEureka(eureka, namespace, changed);
    return consul === undefined ? undefined : this.#watchConsul(consul, namespace, changed);
  }

  #watchEureka(source: MeshServiceEurekaSource, namespace: string, changed: () => void): Watched {
    const { serviceUrls: urls, caBundle: ca, credentialsSecret, application } = source;
    const ref = credentialsSecret === undefined ? undefined : { namespace, name: credentialsSecret.name };
    const open = (tell: () => void) =>
      new EurekaRegistry({
        ...{ ...this.#deps, ...this.#deps.eureka },
        ...{ urls, ca, changed: tell },
        credentials: async (signal) => {
          if (ref === undefined) return undefined;
          const secret = await this.#deps.readSecret(ref, signal);
          return { username: keyOf(secret, ref, 'username').reveal(), password: keyOf(secret, ref, 'password') };
        },
      });
    const key = JSON.stringify([urls, ca, ref]);
    const name = application.toUpperCase();
    return join(this.#eurekas, key, open, (registry) => registry.stateOf(name), changed);
  }

  #watchConsul(source: MeshServiceConsulSource, namespace: string, changed: () => void): Watched {
    const { tokenSecret } = source;
    const ref = tokenSecret === undefined ? undefined : { namespace, name: tokenSecret.name };
    const open = (tell: () => void) =>
      new ConsulService({
        ...{ ...this.#deps, source, changed: tell },
        token: async (signal) => {
          if (ref === undefined) return undefined;
          return keyOf(await this.#deps.readSecret(ref, signal), ref, 'token');
        },
      });
    const key = JSON.stringify([source, ref]);
    return join(this.#consuls, key, open, (service) => service.state(), changed);
  }
}

/** @throws Error that says what is missing. */
function keyOf(secret: ReadonlyMap<string, Secret>, ref: SecretRef, key: string): Secret {
  const text = secret.get(key);
  if (text === undefined) throw new Error(`Secret '${ref.namespace}/${ref.name}' must have the key ${key}`);
  return text;
}

/** Opens what is not open yet; the last one who leaves closes it. */
function join<T extends { close(): void }>(
  all: Map<string, Shared<T>>,
  key: string,
  open: Open<T>,
  stateOf: (registry: T) => SourceState,
  changed: () => void,
): Watched {
  const shared = all.get(key) ?? openShared(open);
  all.set(key, shared);
  shared.users += 1;
  const state = () => stateOf(shared.registry);
  const stop = shared.changes.listen(whenDifferent(state, changed));
  return {
    state,
    close: () => {
      stop();
      shared.users -= 1;
      if (shared.users > 0) return;
      shared.registry.close();
      all.delete(key);
    },
  };
}

function openShared<T>(open: Open<T>): Shared<T> {
  const changes = new Listeners<void>();
  return { registry: open(() => changes.tell()), changes, users: 0 };
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
