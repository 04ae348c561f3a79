import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Acknowledged } from '../../../src/agent/envoy/acknowledged.ts';
import type { Changes } from '../../../src/agent/envoy/changes.ts';
import { HostNames } from '../../../src/agent/envoy/host-names.ts';
import { ProxyResources } from '../../../src/agent/envoy/proxy-resources.ts';
import { SharedResources } from '../../../src/agent/envoy/shared-resources.ts';
import type { OwnInput, SharedInput } from '../../../src/agent/envoy/snapshot.ts';
import type { EndpointsIr, PodIr, RouteRuleIr, ServiceIr } from '../../../src/model/node/ir.ts';
import { ProxyStream } from '../../../src/xds/proxy-stream.ts';
import { TYPE_ORDER, TYPE_URL } from '../../../src/xds/resource-types.ts';
import { Rejections } from '../../../src/xds/snapshot.ts';
import { allOf } from './offer.ts';

const KEYS = ['shop/a', 'shop/b', 'other/c'] as const;

/** A state of the world: of each service how it is routed, how many endpoints it has, and whether it has names. */
interface State {
  readonly services: readonly {
    readonly isThere: boolean;
    readonly rule: 'plain' | 'asking' | 'redistributing';
    readonly endpoints: number;
    readonly hosts: readonly string[];
  }[];
  readonly inboundPort: number;
}

const state: fc.Arbitrary<State> = fc.record({
  services: fc.array(
    fc.record({
      isThere: fc.boolean(),
      rule: fc.constantFrom('plain', 'asking', 'redistributing'),
      endpoints: fc.nat(2),
      hosts: fc.constantFrom([], ['x'], ['y', 'z']),
    }),
    { minLength: KEYS.length, maxLength: KEYS.length },
  ),
  inboundPort: fc.constantFrom(8080, 8081),
});

function versioned<T>(body: T) {
  return { version: JSON.stringify(body), body };
}

function sharedOf({ services }: State): SharedInput {
  const there = KEYS.flatMap((key, index) => {
    const service = services[index];
    return service?.isThere === true ? [{ key, index, service }] : [];
  });
  return {
    services: new Map(
      there.map(({ key, index, service: { rule, hosts } }) => {
        const [namespace = '', name = ''] = key.split('/');
        const source = { serviceAccount: 'client' };
        const routed: RouteRuleIr = {
          ...{
            origin: `Service ${key}`,
            backends: [
              { cluster: `${key}:80`, weight: 1 },
              { cluster: 'shop/b:80', weight: 1 },
            ],
          },
          matches: rule === 'asking' ? [{ source, headers: [] }] : [],
          ...(rule === 'redistributing' && { redistributes: true }),
        };
        const ports = [{ port: 80, protocol: 'HTTP' as const, rules: [routed] }];
        const body: ServiceIr = { namespace, name, clusterIPs: [`10.96.0.${index}`], ports };
        // No name is of two services.
        const own = hosts.map((host) => `${host}.${name}.example`);
        return [key, versioned(hosts.length === 0 ? body : { ...body, hosts: own })];
      }),
    ),
    endpoints: new Map(
      there.map(({ key, service }) => {
        const endpoints = Array.from({ length: service.endpoints }, (_, at) => ({ address: `10.0.0.${at}`, port: 80 }));
        const body: EndpointsIr = { protocol: 'HTTP', loadBalancing: 'Random', connectTimeoutMs: 1000, endpoints };
        return [`${key}:80`, versioned(body)];
      }),
    ),
  };
}

function ownOf(account: string, { inboundPort }: State): OwnInput {
  const body: PodIr = {
    ...{ uid: account, namespace: 'shop', name: account, serviceAccount: account, addresses: [] },
    addressing: { pools: [], families: [4], fixed: [] },
    mesh: {
      ...{ spiffeId: `spiffe://x/ns/shop/sa/${account}`, proxyUid: 1, tlsMode: 'Strict', probePorts: [] },
      inbound: [{ port: inboundPort, protocol: 'HTTP', tlsMode: 'Strict' }],
    },
  };
  return { pod: versioned(body), hasIpv6: false, secrets: [] };
}

/** A proxy that asks for all it hears of, and accepts everything at once. */
class Peer {
  readonly held = new Map<string, string>();
  readonly said: string[] = [];
  readonly offered: ProxyResources;
  readonly #acknowledged = new Acknowledged();
  readonly #sent: (() => void)[] = [];
  readonly #stream: ProxyStream;
  readonly #asked = new Map<string, Set<string>>();

  constructor(offered: ProxyResources) {
    this.offered = offered;
    this.#stream = new ProxyStream(undefined, {
      rejections: new Rejections(),
      send: (typeUrl, nonce, { upserts, removals }) =>
        this.#sent.push(() => {
          for (const { name, resource } of upserts) this.held.set(`${typeUrl} ${name}`, resource.version);
          for (const name of removals) this.held.delete(`${typeUrl} ${name}`);
          this.#ask(typeUrl, nonce);
        }),
      outcome: (typeUrl, outcome) => {
        if (!('accepted' in outcome)) throw new Error('nothing is rejected here');
        for (const { kind, key, version, accepted } of this.#acknowledged.accept(typeUrl, outcome.accepted)) {
          this.said.push(`${kind} ${key} ${version} ${accepted}`);
        }
      },
    });
    for (const type of [TYPE_URL.cds, TYPE_URL.lds]) this.#ask(type, '', ['*']);
  }

  take(changes: Changes): void {
    for (const { kind, key, version } of this.#acknowledged.offer(this.offered, changes)) {
      this.said.push(`${kind} ${key} ${version} true`);
    }
    this.#stream.setSnapshot(this.offered.resources, changes.resources);
    for (const type of [TYPE_URL.eds, TYPE_URL.rds]) this.#follow(type);
    for (let answer = this.#sent.shift(); answer !== undefined; answer = this.#sent.shift()) answer();
  }

  /** Endpoints of clusters, routes of listeners: here whatever is offered, and no more what is not. */
  #follow(type: string): void {
    const offered = new Set(this.offered.resources.get(type).keys());
    const asked = this.#asked.get(type) ?? new Set();
    this.#asked.set(type, offered);
    const gone = [...asked].filter((name) => !offered.has(name));
    for (const name of gone) this.held.delete(`${type} ${name}`);
    this.#ask(
      type,
      '',
      [...offered].filter((name) => !asked.has(name)),
      gone,
    );
  }

  #ask(typeUrl: string, responseNonce: string, subscribe: string[] = [], unsubscribe: string[] = []): void {
    this.#stream.receive(typeUrl, {
      ...{ resourceNamesSubscribe: subscribe, resourceNamesUnsubscribe: unsubscribe, responseNonce },
      ...{ initialResourceVersions: {}, errorMessage: undefined },
    });
  }
}

const versionsOf = (proxy: ProxyResources) =>
  new Map(allOf(proxy).map(({ typeUrl, name, version }) => [`${typeUrl} ${name}`, version]));

describe('what proxies of a node share', () => {
  test('after any changes is as if it were made anew, each proxy holds it, and has said so of all of it', () => {
    fc.assert(
      fc.property(fc.array(state, { minLength: 1, maxLength: 8 }), (states) => {
        const [shared, names] = [new SharedResources(), new HostNames()];
        const accounts = ['client', 'server'];
        const peers = new Map(accounts.map((account) => [account, new Peer(new ProxyResources(shared, names))]));
        for (const now of states) {
          const changes = shared.update(sharedOf(now));
          for (const [account, peer] of peers) {
            peer.take(peer.offered.update(ownOf(account, now), changes));
            const afresh = new SharedResources();
            const expected = new ProxyResources(afresh, new HostNames());
            expected.update(ownOf(account, now), afresh.update(sharedOf(now)));
            expect(versionsOf(peer.offered)).toEqual(versionsOf(expected));
            expect(new Map([...peer.held].sort())).toEqual(new Map([...versionsOf(expected)].sort()));
            for (const id of expected.sources.keys()) {
              const origin = expected.sources.get(id)?.origin;
              expect(peer.offered.sources.get(id)?.origin).toEqual(origin);
              const said = peer.said.findLast((words) => words.startsWith(`${origin?.kind} ${origin?.key} `));
              expect(said).toBe(`${origin?.kind} ${origin?.key} ${origin?.version} true`);
            }
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  test('costs a proxy only what a change names', () => {
    const shared = new SharedResources();
    const proxy = new ProxyResources(shared, new HostNames());
    const service = { isThere: true, rule: 'plain', endpoints: 1, hosts: [] } as const;
    const before: State = { services: [service, service, service], inboundPort: 8080 };
    proxy.update(ownOf('client', before), shared.update(sharedOf(before)));
    const after = { ...before, services: [service, { ...service, endpoints: 2 }, service] };
    const changes = proxy.update(ownOf('client', after), shared.update(sharedOf(after)));
    expect([...changes.sources.keys()]).toEqual(['endpoints shop/b:80']);
    const changed = TYPE_ORDER.flatMap((type) => [...(changes.resources.get(type)?.keys() ?? [])]);
    expect(changed).toEqual(['shop/b:80']);
  });
});
