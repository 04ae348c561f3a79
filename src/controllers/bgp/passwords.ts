import type { BGPPeer } from '../../api/generated/bgppeer.ts';
import type { KubeApi } from '../../kube/client.ts';
import { isNotFound } from '../../kube/errors.ts';
import type { StoreReader } from '../../kube/store.ts';
import { type Clock, sleep } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import type { Secret } from '../../lib/secret.ts';
import { readSecret } from '../read-secret.ts';

export interface PasswordDeps {
  readonly api: KubeApi;
  readonly peers: StoreReader<BGPPeer>;
  /** Weft's own. */
  readonly namespace: string;
  readonly clock: Clock;
  readonly log: Logger;
}

const LOOK_EVERY_MS = 15_000;
const RETRY_MS = 1_000;

/**
 * The Secrets that BGPPeers name, read one by one and again every 15 s: a right to read single Secrets is all it takes,
 * where a watch would need one to all of the namespace.
 */
export class BgpPasswords {
  readonly #deps: PasswordDeps;
  #data: ReadonlyMap<string, ReadonlyMap<string, Secret>> = new Map();

  constructor(deps: PasswordDeps) {
    this.#deps = deps;
  }

  /** Undefined: there is no such Secret, or no such key in it. */
  readonly of = ({ name, key }: { readonly name: string; readonly key: string }): string | undefined =>
    this.#data.get(name)?.get(key)?.reveal();

  /** Resolves when all of them have been read: what is compiled before would take sessions away. */
  async readAll(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && !(await this.#look(signal)).isComplete) await sleep(this.#deps.clock, RETRY_MS, signal);
  }

  /**
   * Looks again and again, and at once after a BGPPeer has changed, until `signal`.
   *
   * @param onChange called when a Secret says something else than before.
   */
  async run(onChange: () => void, signal: AbortSignal): Promise<void> {
    const { peers, clock } = this.#deps;
    while (!signal.aborted) {
      const changed = new AbortController();
      const unsubscribe = peers.onChange(() => changed.abort());
      await sleep(clock, LOOK_EVERY_MS, AbortSignal.any([signal, changed.signal]));
      unsubscribe();
      if ((await this.#look(signal)).isChanged) onChange();
    }
  }

  /** Not complete when one could not be read: it keeps what it said before. */
  async #look(signal: AbortSignal): Promise<{ readonly isComplete: boolean; readonly isChanged: boolean }> {
    const { api, namespace } = this.#deps;
    const names = new Set(this.#deps.peers.list().flatMap(({ spec }) => spec.passwordSecret?.name ?? []));
    const found = new Map<string, ReadonlyMap<string, Secret>>();
    let isComplete = true;
    for (const name of names) {
      try {
        found.set(name, await readSecret(api, { namespace, name }, signal));
      } catch (error) {
        const before = this.#data.get(name);
        if (isNotFound(error)) continue;
        isComplete = false;
        if (before !== undefined) found.set(name, before);
        if (!signal.aborted)
          this.#deps.log.warn('the Secret of a BGPPeer cannot be read', { name, reason: String(error) });
      }
    }
    const isChanged = textOf(found) !== textOf(this.#data);
    this.#data = found;
    return { isComplete, isChanged };
  }
}

function textOf(data: ReadonlyMap<string, ReadonlyMap<string, Secret>>): string {
  return JSON.stringify(
    [...data].map(([name, keys]) => [name, [...keys].map(([key, secret]) => [key, secret.reveal()])]),
  );
}
