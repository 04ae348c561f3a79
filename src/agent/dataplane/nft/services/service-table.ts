import { networkInterfaces } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { shortHash } from '../../../../lib/hash.ts';
import { canonicalIp, type Family } from '../../../../lib/ip.ts';
import type { ServiceVipIr } from '../../../../model/service/vip.ts';
import { inNetns } from '../../netns.ts';
import { type BatchMessage, BatchSocket } from '../batch.ts';
import { Conntrack } from '../conntrack.ts';
import { NftContext } from '../libnftables.ts';
import { HeldServices, type ServiceChange, type Services } from './held-services.ts';
import { deleteChain, deleteSet, flushChain, flushSet, newChain, newEndpointMap } from './messages.ts';
import { renderBase, SERVICE_TABLE } from './render-base.ts';
import { ServiceInspector } from './service-inspector.ts';
import { type StaleFlows, staleFlows } from './stale-flows.ts';

export type { ServiceChange, Services } from './held-services.ts';

const FAMILIES: readonly Family[] = [4, 6];
const SERVICES_PER_TRANSACTION = 500;
/** A table with this chain was made by the same code. */
const BASE_CHAIN = `base_${shortHash(JSON.stringify(renderBase()))}`;
/** Chains and sets of single services. */
const OF_A_SERVICE = /^([abemr]_|[tnx][46])/;

/**
 * The node's table of services, `inet weft_services`: what kube-proxy does elsewhere. Changes are made one after the
 * other, in the order they were asked for, each by one transaction of nfnetlink that touches the chains of its own
 * services only.
 */
export class ServiceTable {
  readonly #nft: NftContext;
  readonly #batch: BatchSocket;
  readonly #inspector: ServiceInspector;
  readonly #conntrack: Conntrack;
  readonly #localAddresses: () => ReadonlySet<string>;
  #held = new HeldServices();
  #last: Promise<unknown> = Promise.resolve();
  #pending = 0;
  /** As of the end of the last change of ours. */
  #seal = { generation: 0, chains: new Map<string, string>() };
  #isInstalled = false;

  /**
   * @param netnsPath network namespace of the node; without it that of this process.
   * @throws NftError `LibraryMissing`, NetnsError, NetlinkError.
   */
  constructor(netnsPath = '/proc/thread-self/ns/net') {
    [this.#nft, this.#batch, this.#inspector, this.#conntrack] = inNetns(
      netnsPath,
      () => [new NftContext(), new BatchSocket(), new ServiceInspector(), new Conntrack()] as const,
    );
    this.#localAddresses = () => inNetns(netnsPath, addressesOfThisNamespace);
  }

  /**
   * Replaces what the table holds. An earlier agent's table stays in force until then, and changes at once.
   * @throws NftError; what was in force then still is, unless there was no table.
   */
  reset(services: Services): Promise<void> {
    return this.#inOrder(async () => {
      if (this.#inspector.chain(BASE_CHAIN) !== undefined) this.#replaceAll(services);
      else await this.#install(services);
    });
  }

  /** @throws NftError `BadName` or `Refused`; what was in force before then still is. */
  apply(change: ServiceChange): Promise<void> {
    return this.#inOrder(async () => {
      const before = new Map(
        [...change.upsert.keys(), ...change.remove].map((key) => [key, this.#held.services.get(key)]),
      );
      const stale = this.#staleAfter(before, change);
      const { put, clean, touched } = this.#held.commit(change);
      try {
        if (!this.#isInstalled) throw new Error('there is no table yet');
        this.#batch.commit(put);
      } catch {
        // Perhaps somebody else changed the table: then all of it goes through.
        const wanted = new Map(this.#held.services);
        try {
          await this.#install(wanted);
        } catch (refusal) {
          for (const [key, vips] of before) {
            if (vips === undefined) wanted.delete(key);
            else wanted.set(key, vips);
          }
          await this.#install(wanted).catch(() => undefined);
          throw refusal;
        }
        return;
      }
      this.#batch.commit(clean);
      if (put.length + clean.length > 0) this.#sealAgain(touched);
      this.#cut(stale);
    });
  }

  /** Whether the table is as this left it, by a look at its chains, rules and sets, not at endpoints. */
  verify(): boolean {
    if (this.#pending > 0) return true;
    if (!this.#isInstalled) return false;
    const generation = this.#inspector.generation();
    if (generation === this.#seal.generation) return true;
    if (!isDeepStrictEqual(this.#inspector.chains(), this.#seal.chains)) return false;
    this.#seal.generation = generation;
    return true;
  }

  /** Puts the table back as it was last wanted. */
  repair(): Promise<void> {
    return this.#inOrder(() => this.#install(new Map(this.#held.services)));
  }

  /** Deletes the table: services are nobody's then. */
  remove(): Promise<void> {
    return this.#inOrder(async () => {
      await this.#nft.runOnPoolThread([
        { text: `add table inet ${SERVICE_TABLE}` },
        { text: `delete table inet ${SERVICE_TABLE}` },
      ]);
      this.#held = new HeldServices();
      this.#isInstalled = false;
    });
  }

  /** The table stays. */
  async close(): Promise<void> {
    await this.#inOrder(async () => {
      this.#nft.close();
      this.#batch.close();
      this.#inspector.close();
      this.#conntrack.close();
    });
  }

  /** Keeps the base, changes everything else in one transaction. */
  #replaceAll(services: Services): void {
    const held = new HeldServices();
    const { put } = held.commit({ upsert: services, remove: [] });
    const chains = [...this.#inspector.chains().keys()].filter((name) => OF_A_SERVICE.test(name));
    const sets = this.#inspector.sets().filter((name) => !name.startsWith('__'));
    this.#batch.commit([
      ...sets.filter((name) => !OF_A_SERVICE.test(name)).map(flushSet),
      ...chains.map(flushChain),
      ...sets.filter((name) => OF_A_SERVICE.test(name)).map(deleteSet),
      ...chains.map(deleteChain),
      ...put,
    ]);
    this.#isNowInForce(held);
  }

  /** A new table, filled in slices. */
  async #install(services: Services): Promise<void> {
    const held = new HeldServices();
    const slices: (readonly BatchMessage[])[] = [];
    const all = [...services];
    for (let at = 0; at < all.length; at += SERVICES_PER_TRANSACTION) {
      slices.push(held.commit({ upsert: new Map(all.slice(at, at + SERVICES_PER_TRANSACTION)), remove: [] }).put);
    }
    this.#isInstalled = false;
    await this.#nft.runOnPoolThread([
      { text: `add table inet ${SERVICE_TABLE}` },
      { text: `delete table inet ${SERVICE_TABLE}` },
      { text: `add table inet ${SERVICE_TABLE}` },
      ...renderBase(),
    ]);
    this.#batch.commit([
      ...FAMILIES.flatMap((family) => [newEndpointMap('address', family), newEndpointMap('nodePort', family)]),
      newChain(BASE_CHAIN, 'of this version'),
    ]);
    for (const slice of slices) {
      this.#batch.commit(slice);
      await nextTurn();
    }
    this.#isNowInForce(held);
  }

  #isNowInForce(held: HeldServices): void {
    this.#held = held;
    this.#isInstalled = true;
    this.#sealNow();
    this.#cut(staleFlows([], [...held.services.values()].flat()));
  }

  #staleAfter(
    before: ReadonlyMap<string, readonly ServiceVipIr[] | undefined>,
    { upsert }: ServiceChange,
  ): StaleFlows | undefined {
    const after = [...before.keys()].flatMap((key) => upsert.get(key) ?? []);
    return staleFlows(
      [...before.values()].flatMap((vips) => vips ?? []),
      after,
    );
  }

  #cut(stale: StaleFlows | undefined): void {
    if (stale === undefined) return;
    const local = this.#localAddresses();
    for (const flow of this.#conntrack.flows(stale.addresses)) {
      if (stale.isStale(flow, (address) => local.has(address))) this.#conntrack.delete(flow);
    }
  }

  #sealNow(): void {
    this.#seal = { generation: this.#inspector.generation(), chains: this.#inspector.chains() };
  }

  /** After a change of those chains only. What somebody else changed elsewhere meanwhile still shows. */
  #sealAgain(touched: ReadonlySet<string>): void {
    for (const name of touched) {
      const mark = this.#inspector.chain(name);
      if (mark === undefined) this.#seal.chains.delete(name);
      else this.#seal.chains.set(name, mark);
    }
    // Not the generation: another transaction may have come between.
  }

  #inOrder<T>(work: () => Promise<T>): Promise<T> {
    this.#pending += 1;
    const done = this.#last.then(work).finally(() => {
      this.#pending -= 1;
    });
    this.#last = done.catch(() => undefined);
    return done;
  }
}

function addressesOfThisNamespace(): ReadonlySet<string> {
  const all = Object.values(networkInterfaces()).flatMap((of) => of ?? []);
  return new Set(all.flatMap(({ address }) => canonicalIp(address) ?? []));
}
