import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { KubeApi } from '../../kube/client.ts';
import { KubeError } from '../../kube/errors.ts';
import { type Clock, sleep } from '../../lib/clock.ts';
import type { GatewayCertificate } from '../../model/mesh/gateway/gateway-index.ts';
import { readSecret } from '../read-secret.ts';

export interface CertificatesDeps {
  readonly api: KubeApi;
  /** Keys of the Secrets that Gateways name now. */
  readonly wanted: () => ReadonlySet<string>;
  /** Weft's own. */
  readonly namespace: string;
  readonly clock: Clock;
}

const LOOK_EVERY_MS = 10_000;
const NONE = { chainPem: '', keyPem: '' };

/**
 * The Secrets with certificates of Gateways, read one by one and again every 10 s. Weft has no right to Secrets of other
 * namespaces by itself: whoever wants one used gives it a Role for that one.
 */
export class GatewayCertificates {
  readonly #deps: CertificatesDeps;
  #known: ReadonlyMap<string, GatewayCertificate> = new Map();
  #lookSoon: () => void = () => undefined;

  constructor(deps: CertificatesDeps) {
    this.#deps = deps;
  }

  /** Undefined: not read yet. */
  readonly of = (secretKey: string): GatewayCertificate | undefined => this.#known.get(secretKey);

  /** Call when Gateways name others. */
  wantedChanged(): void {
    this.#lookSoon();
  }

  /** Resolves when all have been read once: what is compiled before would take listeners away. */
  async readAll(signal: AbortSignal): Promise<void> {
    await this.#look(signal);
  }

  /** @param onChange called when a Secret says something else than before. */
  async run(onChange: () => void, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const soon = new AbortController();
      this.#lookSoon = () => soon.abort();
      await sleep(this.#deps.clock, LOOK_EVERY_MS, AbortSignal.any([signal, soon.signal]));
      if (await this.#look(signal)) onChange();
    }
  }

  /** Whether one says something else than before. One that cannot be asked for now keeps what it said. */
  async #look(signal: AbortSignal): Promise<boolean> {
    const found = new Map<string, GatewayCertificate>();
    for (const key of this.#deps.wanted()) found.set(key, await this.#read(key, signal));
    const isChanged = JSON.stringify([...found]) !== JSON.stringify([...this.#known]);
    this.#known = found;
    return isChanged;
  }

  async #read(key: string, signal: AbortSignal): Promise<GatewayCertificate> {
    const [namespace = '', name = ''] = key.split('/');
    try {
      const secret = await readSecret(this.#deps.api, { namespace, name }, signal);
      const pair = { chainPem: secret.get('tls.crt')?.reveal() ?? '', keyPem: secret.get('tls.key')?.reveal() ?? '' };
      const problem = problemOf(pair);
      return problem === undefined ? pair : { ...NONE, problem };
    } catch (error) {
      const status = error instanceof KubeError ? error.status : 0;
      if (status === 404) return { ...NONE, problem: 'it is not there' };
      if (status === 403) return { ...NONE, problem: this.#denied() };
      return this.#known.get(key) ?? { ...NONE, problem: 'the API server could not be asked for it' };
    }
  }

  #denied(): string {
    const reader = `service account weft-operator of namespace ${this.#deps.namespace}`;
    return `the ${reader} may not read it: give it a Role with get on that Secret, and a RoleBinding`;
  }
}

/** A proxy would refuse it, and keep what it had. */
function problemOf({ chainPem, keyPem }: { readonly chainPem: string; readonly keyPem: string }): string | undefined {
  try {
    const leaf = new X509Certificate(chainPem);
    return leaf.checkPrivateKey(createPrivateKey(keyPem)) ? undefined : 'tls.key is not the key of tls.crt';
  } catch {
    return 'it must have a certificate in tls.crt and its key in tls.key, PEM';
  }
}
