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
import { TableInspector } from '../table-inspector.ts';
import { HeldServices, type ServiceChange, type Services } from './held-services.ts';
import { deleteChain, deleteSet, flushChain, flushSet, newChain, newEndpointMap } from './messages.ts';
import { renderBase, SERVICE_TABLE } from './render-base.ts';
import { type StaleFlows, staleFlows } from './stale-flows.ts';

export type { ServiceChange, Services } from './held-services.ts';

const FAMILIES: readonly Family[] = [4, 6];
const SERVICES_PER_TRANSACTION = 500;
/** A table with this chain was made by the same code. */
const BASE_CHAIN = `base_${shortHash(JSON.stringify(renderBase()))}`;
/** What sets that rules bring with them are called. */
const ANONYMOUS = '__';
/** Chains and sets that come and go with services. */
const OF_SERVICES = /^([abemr]_|[tnx][46])/;

/**
 * The node's table of services, `inet weft_services`: what kube-proxy does elsewhere. Changes are made one after the
 * other, in the order they were asked for, each by one transaction of nfnetlink that writes the difference, and one
 * that takes away what nothing leads to any more.
 */
export class ServiceTable {
  readonly #nft: NftContext;
  readonly #batch: BatchSocket;
  readonly #inspector: TableInspector;
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
      () => [new NftContext(), new BatchSocket(), new TableInspector(SERVICE_TABLE), new Conntrack()] as const,
    );
    this.#localAddresses = () => inNetns(netnsPath, addressesOfThisNamespace);
  }

  /** Whether there is such a table, whoever made it. */
  get isThere(): boolean {
    return this.#inspector.chain(BASE_CHAIN) !== undefined;
  }

  /**
   * Replaces what the table holds. An earlier agent's table stays in force until then, and changes at once.
   * @throws NftError; what was in force then still is, unless there was no table.
   */
  reset(services: Services): Promise<void> {
    return this.#inOrder(async () => {
      if (!this.isThere || !this.#replaceAll(services)) await this.#install(services);
    });
  }

  /** @throws NftError `BadName` or `Refused`; what was in force before then still is. */
  apply(change: ServiceChange): Promise<void> {
    return this.#inOrder(async () => {
      const keys = new Set([...change.upsert.keys(), ...change.remove]);
      const before = new Map([...keys].map((key) => [key, this.#held.services.get(key)]));
      const after = [...change.upsert.values()].flat();
      const stale = staleFlows(
        [...before.values()].flatMap((vips) => vips ?? []),
        after,
      );
      const { put, clean, touched } = this.#held.commit(change);
      try {
        if (!this.#isInstalled) throw new Error('there is no table yet');
        this.#batch.commit(put);
        this.#batch.commit(clean);
        this.#sealAgain(touched);
      } catch {
        await this.#installInPlaceOf(before);
      }
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

  /** Keeps the base and changes everything else in one transaction. False when the kernel does not take that. */
  #replaceAll(services: Services): boolean {
    const held = new HeldServices();
    const { put } = held.commit({ upsert: services, remove: [] });
    const chains = [...this.#inspector.chains().keys()].filter((name) => OF_SERVICES.test(name));
    const sets = this.#inspector.sets().filter((name) => !name.startsWith(ANONYMOUS));
    try {
      this.#batch.commit([
        ...chains.map(flushChain),
        ...sets.filter((name) => !OF_SERVICES.test(name)).map(flushSet),
        ...sets.filter((name) => OF_SERVICES.test(name)).map(deleteSet),
        ...chains.map(deleteChain),
        ...put,
      ]);
    } catch {
      return false;
    }
    this.#isNowInForce(held);
    return true;
  }

  /** A new table, filled in slices. */
  async #install(services: Services): Promise<void> {
    const held = new HeldServices();
    const slices: (readonly BatchMessage[])[] = [];
    const all = [...services];
    for (let at = 0; at < all.length; at += SERVICES_PER_TRANSACTION) {
      slices.push(held.commit({ upsert: new Map(all.slice(at, at + SERVICES_PER_TRANSACTION)), remove: [] }).put);
      await nextTurn();
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

  /** Perhaps somebody else changed the table: then all of it goes through. @throws NftError, when not even that. */
  async #installInPlaceOf(before: ReadonlyMap<string, readonly ServiceVipIr[] | undefined>): Promise<void> {
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
  }

  #isNowInForce(held: HeldServices): void {
    this.#held = held;
    this.#isInstalled = true;
    this.#seal = { generation: this.#inspector.generation(), chains: this.#inspector.chains() };
    const stale = staleFlows([], [...held.services.values()].flat());
    if (stale !== undefined) this.#cut({ ...stale, addresses: 'all' });
  }

  #cut(stale: StaleFlows | undefined): void {
    if (stale === undefined) return;
    const local = this.#localAddresses();
    for (const flow of this.#conntrack.flows(stale.addresses)) {
      if (stale.isStale(flow, (address) => local.has(address))) this.#conntrack.delete(flow);
    }
  }

  /** After a change of those chains only: what somebody else changed elsewhere still shows, so not the generation. */
  #sealAgain(touched: ReadonlySet<string>): void {
    for (const name of touched) {
      const mark = this.#inspector.chain(name);
      if (mark === undefined) this.#seal.chains.delete(name);
      else this.#seal.chains.set(name, mark);
    }
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
