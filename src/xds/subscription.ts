import type { Rejections, XdsResource } from './snapshot.ts';

/** A request, as far as one type is concerned (envoy.service.discovery.v3.DeltaDiscoveryRequest). */
export interface SubscriptionRequest {
  readonly resourceNamesSubscribe: readonly string[];
  readonly resourceNamesUnsubscribe: readonly string[];
  /** Of the first request of a stream: what the proxy holds from an earlier one. */
  readonly initialResourceVersions: Readonly<Record<string, string>>;
  readonly responseNonce: string;
  /** Present: the response of that nonce is rejected. */
  readonly errorMessage: string | undefined;
}

/** A response to send; the proxy answers it before it gets the next of its type. */
export interface Batch {
  readonly upserts: readonly { readonly name: string; readonly resource: XdsResource }[];
  readonly removals: readonly string[];
}

/** Of a resource, what the proxy has said that it holds, and what it holds: versions; undefined is nothing. */
export interface Difference {
  readonly typeUrl: string;
  readonly name: string;
  readonly said: string | undefined;
  readonly held: string | undefined;
}

export type Outcome =
  | { readonly accepted: ReadonlyMap<string, string> }
  | { readonly rejected: { readonly name: string; readonly version: string; readonly message: string } };

type Offered = ReadonlyMap<string, XdsResource>;

/** No version is called so. */
const UNKNOWN = '?';

/**
 * One type on one stream: what the proxy wants and has. A rejected response is halved and sent again until the
 * culprit stands alone: then it is remembered, and the others go through.
 */
export class Subscription {
  readonly #typeUrl: string;
  readonly #rejections: Rejections;
  readonly #names = new Set<string>();
  readonly #held = new Map<string, string>();
  /** To be sent whatever is held of them. */
  readonly #again = new Set<string>();
  #isWildcard = false;
  #isFirst = true;
  #inFlight: { readonly nonce: string; readonly batch: Batch } | undefined;
  /** Parts of rejected responses, each to be sent alone. */
  #suspects: (readonly string[])[] = [];

  constructor(typeUrl: string, rejections: Rejections) {
    this.#typeUrl = typeUrl;
    this.#rejections = rejections;
  }

  /** What the proxy said of earlier responses; undefined when it only asks. An answer to an old nonce is none. */
  receive(request: SubscriptionRequest): Outcome | undefined {
    const reported = this.#isFirst ? this.#start(request) : undefined;
    this.#subscribe(request);
    return this.#answered(request) ?? reported;
  }

  /** The proxy needs these once more, though they have not changed, and does not ask for them. */
  sendAgain(names: Iterable<string>): void {
    for (const name of names) this.#again.add(name);
  }

  /** Whether each of `names` is asked for. */
  wants(names: Iterable<string>): boolean {
    return this.#isWildcard || [...names].every((name) => this.#names.has(name));
  }

  get isWaiting(): boolean {
    return this.#inFlight !== undefined;
  }

  hasNews(offered: Offered): boolean {
    return this.#news(offered).next().done !== true;
  }

  /** The next response, or undefined when there is nothing to say or an answer is awaited. */
  next(offered: Offered, nonce: string, mayRemove: boolean): Batch | undefined {
    if (this.#inFlight !== undefined) return undefined;
    const batch = this.#suspectBatch(offered) ?? this.#wholeBatch(offered, mayRemove);
    if (batch.upserts.length === 0 && batch.removals.length === 0) return undefined;
    this.#inFlight = { nonce, batch };
    for (const { name } of batch.upserts) {
      if (this.#again.delete(name)) this.#held.delete(name);
    }
    return batch;
  }

  /** Where the proxy holds something else than it has said; none while it is being told of the type. */
  differences(offered: Offered, held: ReadonlyMap<string, string | undefined>): readonly Difference[] {
    if (this.isWaiting || this.hasNews(offered)) return [];
    const names = new Set([...this.#held.keys(), ...held.keys()]);
    return [...names].flatMap((name): readonly Difference[] => {
      const said = this.#held.get(name);
      const version = held.has(name) ? (held.get(name) ?? said ?? UNKNOWN) : undefined;
      const isSo = version === said || !this.#isWanted(name);
      return isSo ? [] : [{ typeUrl: this.#typeUrl, name, said, held: version }];
    });
  }

  /** What the proxy holds, whatever it has said. */
  correct({ name, held }: Difference): void {
    if (held === undefined) this.#held.delete(name);
    else this.#held.set(name, held);
  }

  #start({ initialResourceVersions, resourceNamesSubscribe }: SubscriptionRequest): Outcome | undefined {
    this.#isFirst = false;
    // A first request without names means "all"; so does the name "*".
    if (resourceNamesSubscribe.length === 0) this.#isWildcard = true;
    const versions = Object.entries(initialResourceVersions);
    for (const [name, version] of versions) this.#held.set(name, version);
    return versions.length === 0 ? undefined : { accepted: new Map(versions) };
  }

  #subscribe({ resourceNamesSubscribe, resourceNamesUnsubscribe, initialResourceVersions }: SubscriptionRequest): void {
    for (const name of resourceNamesUnsubscribe) {
      if (name === '*') this.#isWildcard = false;
      this.#names.delete(name);
      if (!this.#isWildcard) this.#held.delete(name);
    }
    for (const name of resourceNamesSubscribe) {
      if (name === '*') {
        this.#isWildcard = true;
        continue;
      }
      this.#names.add(name);
      // Asked for again: it lost it, and is to be told even what it was told before.
      if (initialResourceVersions[name] === undefined) this.#held.delete(name);
    }
  }

  #answered({ responseNonce, errorMessage }: SubscriptionRequest): Outcome | undefined {
    if (this.#inFlight === undefined || this.#inFlight.nonce !== responseNonce) return undefined;
    const { upserts, removals } = this.#inFlight.batch;
    this.#inFlight = undefined;
    for (const name of removals) this.#held.delete(name);
    if (errorMessage !== undefined) return this.#blame(upserts, errorMessage);
    const accepted = new Map(upserts.map(({ name, resource }) => [name, resource.version]));
    for (const [name, version] of accepted) if (this.#isWanted(name)) this.#held.set(name, version);
    return { accepted };
  }

  #blame(upserts: Batch['upserts'], message: string): Outcome | undefined {
    const [only, ...others] = upserts;
    if (only === undefined) return undefined;
    if (others.length === 0) {
      const { name, resource } = only;
      this.#rejections.set(this.#typeUrl, name, { version: resource.version, message });
      return { rejected: { name, version: resource.version, message } };
    }
    const names = upserts.map(({ name }) => name);
    const half = Math.ceil(names.length / 2);
    this.#suspects = [names.slice(0, half), names.slice(half), ...this.#suspects];
    return undefined;
  }

  #isWanted(name: string): boolean {
    return this.#isWildcard || this.#names.has(name);
  }

  *#news(offered: Offered): Generator<Batch['upserts'][number]> {
    const names = this.#isWildcard ? offered.keys() : this.#names;
    for (const name of names) {
      const resource = offered.get(name);
      if (resource === undefined) continue;
      if (resource.version === this.#held.get(name) && !this.#again.has(name)) continue;
      if (!this.#rejections.has(this.#typeUrl, name, resource.version)) yield { name, resource };
    }
  }

  #suspectBatch(offered: Offered): Batch | undefined {
    for (let names = this.#suspects.shift(); names !== undefined; names = this.#suspects.shift()) {
      const group = new Set(names);
      const upserts = [...this.#news(offered)].filter(({ name }) => group.has(name));
      if (upserts.length > 0) return { upserts, removals: [] };
    }
    return undefined;
  }

  #wholeBatch(offered: Offered, mayRemove: boolean): Batch {
    const removals = mayRemove ? [...this.#held.keys()].filter((name) => !offered.has(name)) : [];
    return { upserts: [...this.#news(offered)], removals };
  }
}
