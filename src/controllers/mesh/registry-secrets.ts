import type { KubeApi } from '../../kube/client.ts';
import { KubeError } from '../../kube/errors.ts';
import type { Secret } from '../../lib/secret.ts';
import { readSecret, type SecretRef } from '../read-secret.ts';

/**
 * Reads Secrets that sources of MeshServices name, in the namespaces of these. Weft has no right to them by itself:
 * whoever may write a MeshService would otherwise have any Secret of the namespace sent to a server of his choice.
 *
 * @throws Error that says what to do; while the API server is away, the last answer counts.
 */
export class RegistrySecrets {
  readonly #api: KubeApi;
  /** Weft's own. */
  readonly #namespace: string;
  readonly #known = new Map<string, ReadonlyMap<string, Secret>>();

  constructor(api: KubeApi, namespace: string) {
    this.#api = api;
    this.#namespace = namespace;
  }

  readonly read = async (ref: SecretRef, signal: AbortSignal): Promise<ReadonlyMap<string, Secret>> => {
    const key = `${ref.namespace}/${ref.name}`;
    try {
      const secret = await readSecret(this.#api, ref, signal);
      this.#known.set(key, secret);
      return secret;
    } catch (error) {
      const status = error instanceof KubeError ? error.status : 0;
      if (status === 404) throw new Error(`there is no Secret '${key}': create it`, { cause: error });
      if (status === 403) {
        const reader = `service account weft-operator of namespace ${this.#namespace}`;
        const message = `the ${reader} may not read Secret '${key}': give it a Role with get on that Secret, and a RoleBinding`;
        throw new Error(message, { cause: error });
      }
      const known = this.#known.get(key);
      if (known === undefined) throw error;
      return known;
    }
  };
}
