import type { Offered, Rejections, XdsResource } from './snapshot.ts';

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

/** No version is called so. */
const UNKNOWN = '?';

/**
 * One type on one stream: what the proxy wants and has. A rejected response is halved and sent again until the
 * culprit stands alone: then it is remembered, and the others go through. Kept is what the proxy lacks: a change costs
 * what it changes, however much is offered, and a proxy that has everything costs hardly any memory.
 */
export class Subscription {
  readonly #typeUrl: string;
  readonly #rejections: Rejections;
  #offered: Offered;
  readonly #names = new Set<string>();
  /** Of what it does not hold as offered: the version that it holds. All else that is offered it holds. */
  readonly #differing = new Map<string, string | undefined>();
  /** To be sent whatever is held of them. */
  readonly #again = new Set<string>();
  #isWildcard = false;
  #isFirst = true;
  #inFlight: { readonly nonce: string; readonly batch: Batch } | undefined;
  /** Parts of rejected responses, each to be sent alone. */
  #suspects: (readonly string[])[] = [];

  constructor(typeUrl: string, rejections: Rejections, offered: Offered) {
    this.#typeUrl = typeUrl;
    this.#rejections = rejections;
    this.#offered = offered;
    for (const name of offered.keys()) this.#differing.set(name, undefined);
  }

  /** @param changed what was offered before where it was something else; absent: to be found. */
  offer(
    offered: Offered,
    changed: ReadonlyMap<string, XdsResource | undefined> = differences(this.#offered, offered),
  ): void {
    this.#offered = offered;
    for (const [name, before] of changed) {
      this.#hold(name, this.#differing.has(name) ? this.#differing.get(name) : before?.version);
    }
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

  /** Whether all that is offered is asked for. What is not asked for, it does not hold. */
  get wantsAll(): boolean {
    for (const name of this.#differing.keys()) if (this.#offered.has(name) && !this.#isWanted(name)) return false;
    return true;
  }

  get isWaiting(): boolean {
    return this.#inFlight !== undefined;
  }

  get hasNews(): boolean {
    return this.#news().next().done !== true;
  }

  /** The next response, or undefined when there is nothing to say or an answer is awaited. */
  next(nonce: string, mayRemove: boolean): Batch | undefined {
    if (this.#inFlight !== undefined) return undefined;
    const batch = this.#suspectBatch() ?? this.#wholeBatch(mayRemove);
    if (batch.upserts.length === 0 && batch.removals.length === 0) return undefined;
    this.#inFlight = { nonce, batch };
    for (const { name } of batch.upserts) {
      if (this.#again.delete(name)) this.#hold(name, undefined);
    }
    return batch;
  }

  /** Where the proxy holds something else than it has said; none while it is being told of the type. */
  differences(held: ReadonlyMap<string, string | undefined>): readonly Difference[] {
    if (this.isWaiting || this.hasNews) return [];
    const names = new Set([...this.#offered.keys(), ...this.#differing.keys(), ...held.keys()]);
    return [...names].flatMap((name): readonly Difference[] => {
      const said = this.#differing.has(name) ? this.#differing.get(name) : this.#offered.get(name)?.version;
      const version = held.has(name) ? (held.get(name) ?? said ?? UNKNOWN) : undefined;
      const isSo = version === said || !this.#isWanted(name);
      return isSo ? [] : [{ typeUrl: this.#typeUrl, name, said, held: version }];
    });
  }

  /** What the proxy holds, whatever it has said. */
  correct({ name, held }: Difference): void {
    this.#hold(name, held);
  }

  #start({ initialResourceVersions, resourceNamesSubscribe }: SubscriptionRequest): Outcome | undefined {
    this.#isFirst = false;
    // A first request without names means "all"; so does the name "*".
    if (resourceNamesSubscribe.length === 0) this.#isWildcard = true;
    const versions = Object.entries(initialResourceVersions);
    for (const [name, version] of versions) this.#hold(name, version);
    return versions.length === 0 ? undefined : { accepted: new Map(versions) };
  }

  #subscribe({ resourceNamesSubscribe, resourceNamesUnsubscribe, initialResourceVersions }: SubscriptionRequest): void {
    for (const name of resourceNamesUnsubscribe) {
      if (name === '*') this.#isWildcard = false;
      this.#names.delete(name);
      if (!this.#isWildcard) this.#hold(name, undefined);
    }
    for (const name of resourceNamesSubscribe) {
      if (name === '*') {
        this.#isWildcard = true;
        continue;
      }
      this.#names.add(name);
      // Asked for again: it lost it, and is to be told even what it was told before.
      if (initialResourceVersions[name] === undefined) this.#hold(name, undefined);
    }
  }

  #answered({ responseNonce, errorMessage }: SubscriptionRequest): Outcome | undefined {
    if (this.#inFlight === undefined || this.#inFlight.nonce !== responseNonce) return undefined;
    const { upserts, removals } = this.#inFlight.batch;
    this.#inFlight = undefined;
    for (const name of removals) this.#hold(name, undefined);
    if (errorMessage !== undefined) return this.#blame(upserts, errorMessage);
    const accepted = new Map(upserts.map(({ name, resource }) => [name, resource.version]));
    for (const [name, version] of accepted) if (this.#isWanted(name)) this.#hold(name, version);
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

  #hold(name: string, version: string | undefined): void {
    if (this.#offered.get(name)?.version === version) this.#differing.delete(name);
    else this.#differing.set(name, version);
  }

  *#news(): Generator<Batch['upserts'][number]> {
    for (const name of this.#differing.keys()) yield* this.#newsOf(name);
    for (const name of this.#again) if (!this.#differing.has(name)) yield* this.#newsOf(name);
  }

  *#newsOf(name: string): Generator<Batch['upserts'][number]> {
    const resource = this.#isWanted(name) ? this.#offered.get(name) : undefined;
    if (resource === undefined || this.#rejections.has(this.#typeUrl, name, resource.version)) return;
    yield { name, resource };
  }

  #suspectBatch(): Batch | undefined {
    for (let names = this.#suspects.shift(); names !== undefined; names = this.#suspects.shift()) {
      const group = new Set(names);
      const upserts = [...this.#news()].filter(({ name }) => group.has(name));
      if (upserts.length > 0) return { upserts, removals: [] };
    }
    return undefined;
  }

  #wholeBatch(mayRemove: boolean): Batch {
    const removals: string[] = [];
    for (const [name, version] of mayRemove ? this.#differing : []) {
      if (version !== undefined && !this.#offered.has(name)) removals.push(name);
    }
    return { upserts: [...this.#news()], removals };
  }
}

/** Of two that are not the same object. */
function differences(before: Offered, after: Offered): ReadonlyMap<string, XdsResource | undefined> {
  const names = new Set([...before.keys(), ...after.keys()]);
  const changed = [...names].filter((name) => before.get(name)?.version !== after.get(name)?.version);
  return new Map(changed.map((name) => [name, before.get(name)]));
}
