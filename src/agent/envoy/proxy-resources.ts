import { httpPortsOf } from '../../model/mesh/http-ports.ts';
import { isJudged } from './authorization.ts';
import { Changes } from './changes.ts';
import type { EncodedResource } from './encoded.ts';
import type { HostNames } from './host-names.ts';
import { encodeInbound, encodeInboundRoutes } from './inbound.ts';
import { Layered } from './layered.ts';
import { encodeOutbound } from './outbound.ts';
import { encodeReadiness } from './readiness.ts';
import type { SharedResources } from './shared-resources.ts';
import { type OwnInput, type ProxySnapshot, type Source, sourceId } from './snapshot.ts';

const LISTENERS = {
  ipv4: { outbound: encodeOutbound(false), readiness: encodeReadiness(false) },
  both: { outbound: encodeOutbound(true), readiness: encodeReadiness(true) },
};

type Encoded = readonly EncodedResource[];

/** What one proxy is offered: its own before what all share. */
export class ProxyResources implements ProxySnapshot {
  readonly #shared: SharedResources;
  readonly #hostNames: HostNames;
  readonly #own = new Map<string, Map<string, EncodedResource>>();
  readonly #byType = new Map<string, Layered<EncodedResource>>();
  readonly #ownSources = new Map<string, Source>();
  readonly sources: Layered<Source>;
  #pod: { readonly at: string; readonly encoded: Encoded } | undefined;
  #isOffered = false;

  /** @param hostNames one for all proxies. */
  constructor(shared: SharedResources, hostNames: HostNames) {
    this.#shared = shared;
    this.#hostNames = hostNames;
    this.sources = new Layered(this.#ownSources, shared.sources);
  }

  readonly resources = {
    get: (typeUrl: string): Layered<EncodedResource> => {
      const known = this.#byType.get(typeUrl);
      if (known !== undefined) return known;
      const layered = new Layered(this.#ownOfType(typeUrl), this.#shared.ofType(typeUrl));
      this.#byType.set(typeUrl, layered);
      return layered;
    },
  };

  /** Whether the proxy has been offered anything. */
  get isOffered(): boolean {
    return this.#isOffered;
  }

  /** Makes its own what `input` says. What is another for the proxy, `shared` included; at first that is everything. */
  update(input: OwnInput, shared: Changes): Changes {
    const sources = new Map(this.#sourcesOf(input).map((source) => [sourceId(source.origin), source]));
    const changes = new Changes();
    this.#replace(this.#resourcesOf(input, sources.values()), shared, changes);
    for (const id of new Set([...this.#ownSources.keys(), ...sources.keys()])) {
      const [before, now] = [this.#ownSources.get(id), sources.get(id)];
      if (before !== undefined && now !== undefined && isSame(before, now)) continue;
      changes.source(id, before ?? this.#sharedSource(id, shared));
      if (now === undefined) this.#ownSources.delete(id);
      else this.#ownSources.set(id, now);
    }
    if (!this.#isOffered) return this.#everything();
    return this.follow(shared, changes);
  }

  /** What is another for a proxy whose own stays: as far as it sees it, what is another for all. */
  follow(shared: Changes, changes = new Changes()): Changes {
    for (const [typeUrl, byName] of shared.resources) {
      const own = this.#ownOfType(typeUrl);
      for (const [name, before] of byName) if (!own.has(name)) changes.resource(typeUrl, name, before);
    }
    for (const [id, before] of shared.sources) if (!this.#ownSources.has(id)) changes.source(id, before);
    return changes;
  }

  #sourcesOf(input: OwnInput): Source[] {
    const { pod, hasIpv6 } = input;
    const { namespace, uid, mesh } = pod.body;
    const services = new Map<string, Source>();
    for (const source of this.#shared.asked(mesh?.spiffeId ?? '')) services.set(source.origin.key, source);
    const named = this.#shared.named(namespace);
    const names = this.#hostNames.listener(named, namespace, hasIpv6);
    for (const key of names === undefined ? [] : named.keys()) {
      const source = services.get(key) ?? this.#shared.sources.get(sourceId({ kind: 'service', key }));
      if (source !== undefined && names !== undefined) {
        services.set(key, { ...source, encoded: [...source.encoded, names] });
      }
    }
    const origin = { kind: 'pod', key: uid, version: pod.version } as const;
    return [...services.values(), ...(mesh === undefined ? [] : [{ origin, encoded: this.#inbound(input) }])];
  }

  /** The pod's next sandbox may have other families, and be told the same. */
  #inbound({ pod, judged, hasIpv6 }: OwnInput): Encoded {
    const { mesh } = pod.body;
    const at = `${pod.version} ${hasIpv6} ${judged?.version}`;
    if (mesh === undefined) return [];
    if (this.#pod?.at === at) return this.#pod.encoded;
    const judgedOn = (port: number) => judged !== undefined && isJudged(judged.body.chain, port);
    const encoded = [
      encodeInbound(mesh, hasIpv6, judgedOn),
      ...httpPortsOf(mesh).map((port) => encodeInboundRoutes(port, judgedOn(port) ? judged?.body : undefined)),
    ];
    this.#pod = { at, encoded };
    return encoded;
  }

  #resourcesOf({ hasIpv6, secrets }: OwnInput, sources: Iterable<Source>): Encoded {
    const { outbound, readiness } = hasIpv6 ? LISTENERS.both : LISTENERS.ipv4;
    const shared = (each: EncodedResource) => this.#shared.ofType(each.typeUrl).get(each.name) === each;
    return [
      ...[outbound, ...secrets, ...(secrets.length > 0 ? [readiness] : [])],
      ...[...sources].flatMap(({ encoded }) => encoded).filter((each) => !shared(each)),
    ];
  }

  #replace(encoded: Encoded, shared: Changes, changes: Changes): void {
    const isKept = (typeUrl: string, name: string) =>
      encoded.some((each) => each.typeUrl === typeUrl && each.name === name);
    const note = (
      typeUrl: string,
      name: string,
      own: EncodedResource | undefined,
      now: EncodedResource | undefined,
    ) => {
      const before = own ?? this.#sharedResource(typeUrl, name, shared);
      if (before?.version !== now?.version) changes.resource(typeUrl, name, before);
    };
    for (const [typeUrl, byName] of this.#own) {
      for (const [name, own] of byName) {
        if (isKept(typeUrl, name)) continue;
        byName.delete(name);
        note(typeUrl, name, own, this.#shared.ofType(typeUrl).get(name));
      }
    }
    for (const now of encoded) {
      const byName = this.#ownOfType(now.typeUrl);
      note(now.typeUrl, now.name, byName.get(now.name), now);
      byName.set(now.name, now);
    }
  }

  /** Before `shared` came about. */
  #sharedResource(typeUrl: string, name: string, shared: Changes): EncodedResource | undefined {
    const changed = shared.resources.get(typeUrl);
    return changed?.has(name) === true ? changed.get(name) : this.#shared.ofType(typeUrl).get(name);
  }

  #sharedSource(id: string, shared: Changes): Source | undefined {
    return shared.sources.has(id) ? shared.sources.get(id) : this.#shared.sources.get(id);
  }

  #everything(): Changes {
    this.#isOffered = true;
    const changes = new Changes();
    for (const typeUrl of new Set([...this.#own.keys(), ...this.#shared.types])) {
      for (const name of this.resources.get(typeUrl).keys()) changes.resource(typeUrl, name, undefined);
    }
    for (const id of this.sources.keys()) changes.source(id, undefined);
    return changes;
  }

  #ownOfType(typeUrl: string): Map<string, EncodedResource> {
    const byName = this.#own.get(typeUrl) ?? new Map<string, EncodedResource>();
    this.#own.set(typeUrl, byName);
    return byName;
  }
}

function isSame(one: Source, other: Source): boolean {
  const { encoded } = other;
  return (
    one.origin.version === other.origin.version &&
    one.encoded.length === encoded.length &&
    one.encoded.every(({ version }, index) => version === encoded[index]?.version)
  );
}
