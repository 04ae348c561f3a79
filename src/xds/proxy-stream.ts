import { NEEDS, neededBy, TYPE_ORDER, TYPE_URL } from './resource-types.ts';
import type { Offered, Rejections, Snapshot, SnapshotChanges } from './snapshot.ts';
import { type Batch, type Difference, type Outcome, Subscription, type SubscriptionRequest } from './subscription.ts';

export interface ProxyStreamDeps {
  readonly rejections: Rejections;
  send(typeUrl: string, nonce: string, batch: Batch): void;
  outcome(typeUrl: string, outcome: Outcome): void;
}

const NOTHING: Offered = new Map();
const UNCHANGED: ReadonlyMap<string, undefined> = new Map();

/** One connection of a proxy: all types, told in an order in which nothing refers to what is not there yet. */
export class ProxyStream {
  readonly #deps: ProxyStreamDeps;
  readonly #subscriptions = new Map<string, Subscription>();
  #snapshot: Snapshot | undefined;
  #nonces = 0;

  /** @param snapshot without one the proxy is told nothing, and keeps what it has from an earlier connection. */
  constructor(snapshot: Snapshot | undefined, deps: ProxyStreamDeps) {
    this.#snapshot = snapshot;
    this.#deps = deps;
  }

  /** @param changes from the one before; absent: to be found, and `snapshot` is another object. */
  setSnapshot(snapshot: Snapshot, changes?: SnapshotChanges): void {
    this.#snapshot = snapshot;
    for (const [typeUrl, subscription] of this.#subscriptions) {
      const changed = changes === undefined ? undefined : (changes.get(typeUrl) ?? UNCHANGED);
      subscription.offer(this.#offered(typeUrl), changed);
    }
    this.#advance();
  }

  receive(typeUrl: string, request: SubscriptionRequest): void {
    const outcome = this.#subscription(typeUrl).receive(request);
    if (outcome !== undefined) this.#deps.outcome(typeUrl, outcome);
    this.#advance();
  }

  /** See `Subscription.differences`. */
  differences(typeUrl: string, held: ReadonlyMap<string, string | undefined>): readonly Difference[] {
    return this.#subscriptions.get(typeUrl)?.differences(held) ?? [];
  }

  /** The proxy is told what it lacks, and what it has too much. */
  correct(differences: readonly Difference[]): void {
    for (const difference of differences) this.#subscriptions.get(difference.typeUrl)?.correct(difference);
    this.#advance();
  }

  #advance(): void {
    if (this.#snapshot === undefined) return;
    for (const [typeUrl, subscription] of this.#inOrder()) {
      if (!(NEEDS[typeUrl] ?? []).every((needed) => this.#isSettled(needed))) continue;
      const mayRemove = neededBy(typeUrl).every((other) => this.#isSettled(other));
      const nonce = String(this.#nonces + 1);
      const batch = subscription.next(nonce, mayRemove);
      if (batch === undefined) continue;
      this.#nonces += 1;
      this.#deps.send(typeUrl, nonce, batch);
      if (typeUrl === TYPE_URL.cds) this.#sendEndpointsAgain(batch);
    }
  }

  /**
   * A changed cluster is made anew and waits for endpoints, 15 s at most, while the one before it goes on. It asks
   * for none, as their name is subscribed to already (Envoy's xDS protocol, "Warming"); meanwhile no other change is
   * acknowledged.
   */
  #sendEndpointsAgain({ upserts }: Batch): void {
    this.#subscription(TYPE_URL.eds).sendAgain(upserts.map(({ name }) => name));
  }

  /** The proxy has all news of the type, or has refused it. */
  #isSettled(typeUrl: string): boolean {
    if (typeUrl === TYPE_URL.eds && !this.#areEndpointsAskedFor()) return false;
    const subscription = this.#subscriptions.get(typeUrl);
    if (subscription === undefined) return true;
    return !subscription.isWaiting && !subscription.hasNews;
  }

  /** A proxy asks for the endpoints of a new cluster a moment after it has accepted the cluster. */
  #areEndpointsAskedFor(): boolean {
    if (!this.#deps.rejections.isEmpty(TYPE_URL.cds) || !this.#subscriptions.has(TYPE_URL.cds)) return true;
    const endpoints = this.#subscriptions.get(TYPE_URL.eds);
    return this.#offered(TYPE_URL.eds).size === 0 || endpoints?.wantsAll === true;
  }

  #offered(typeUrl: string): Offered {
    return this.#snapshot?.get(typeUrl) ?? NOTHING;
  }

  #inOrder(): [string, Subscription][] {
    const rank = (typeUrl: string) => TYPE_ORDER.indexOf(typeUrl);
    return [...this.#subscriptions].sort(([a], [b]) => rank(a) - rank(b));
  }

  #subscription(typeUrl: string): Subscription {
    let subscription = this.#subscriptions.get(typeUrl);
    if (subscription === undefined) {
      subscription = new Subscription(typeUrl, this.#deps.rejections, this.#offered(typeUrl));
      this.#subscriptions.set(typeUrl, subscription);
    }
    return subscription;
  }
}
