import { networkInterfaces } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import { canonicalIp, type Cidr, containsAddress, familyOf, parseCidr, parseIp } from '../../../lib/ip.ts';
import { inNetns } from '../netns.ts';
import { BatchSocket } from './batch.ts';
import { Conntrack } from './conntrack.ts';
import { podElements } from './fixed-sets.ts';
import { HeldPolicy, type NextState } from './held-policy.ts';
import { type ForeignChain, Inspector, type RuleCounter } from './inspect.ts';
import { type KernelSteps, kernelSteps } from './kernel-steps.ts';
import { NftContext } from './libnftables.ts';
import { nextState } from './next-state.ts';
import { type OwnTransactions, ownTransactions } from './own-transactions.ts';
import type { NodeFacts, PodBinding, PodChange, PolicyChange, PolicyState } from './policy-state.ts';
import { addressesToPurge, addressesToRecheck, isForbidden } from './recheck.ts';
import { renderState } from './render-state.ts';
import { familiesOf } from './render-table.ts';
import { openShortcut, shutShortcut } from './shortcut.ts';

export type { ForeignChain, RuleCounter } from './inspect.ts';
export type { NodeFacts, PodBinding, PolicyChange, PolicyState } from './policy-state.ts';

/**
 * The node's one nftables table, `inet weft`. Changes are made one after the other, in the order they were asked for.
 * Rules go through libnftables on a pool thread, set elements through nfnetlink, which costs microseconds where
 * libnftables 1.0.6 reads every set of the machine again.
 */
export class PolicyTable {
  readonly #nft: NftContext;
  readonly #batch: BatchSocket;
  readonly #inspector: Inspector;
  readonly #conntrack: Conntrack;
  /** Of this and all other tables of Weft's. */
  readonly #own: OwnTransactions;
  readonly #localAddresses: () => ReadonlySet<string>;
  #held = new HeldPolicy();
  #last: Promise<unknown> = Promise.resolve();
  #pending = 0;
  #repairs = 0;
  /** Undefined: the kernel holds no table of ours. */
  #seal: Seal | undefined;
  #gathering: Gathered | undefined;

  /**
   * @param netnsPath network namespace of the node; without it that of this process.
   * @throws NftError `LibraryMissing`, NetnsError, NetlinkError.
   */
  constructor(netnsPath = '/proc/thread-self/ns/net') {
    const parts = inNetns(
      netnsPath,
      () => [new NftContext(), new BatchSocket(), new Inspector(), new Conntrack(), ownTransactions()] as const,
    );
    [this.#nft, this.#batch, this.#inspector, this.#conntrack, this.#own] = parts;
    this.#localAddresses = () => inNetns(netnsPath, addressesOfThisNamespace);
  }

  /**
   * Shuts the door before anything is known: without a table, one that drops all `weft*` interfaces. A table that is
   * there, an earlier agent's, stays in force until `reset`, which must come before the first `apply`.
   */
  open(): Promise<void> {
    return this.#inOrder(async () => {
      if (!this.#inspector.hasTable()) await this.#install(new HeldPolicy());
    });
  }

  /**
   * Replaces the table whatever it holds, in one transaction, and cuts the connections that `state` forbids.
   * @throws NftError; what was in force then still is.
   */
  reset(facts: NodeFacts, state: PolicyState): Promise<void> {
    return this.#inOrder(async () => {
      const wanted = new HeldPolicy(facts, state);
      // Shut while the state, which may be large, is on its way; no connection is cut for want of its pod.
      if (!this.#inspector.hasTable()) await this.#nft.runOnPoolThread(renderState(new HeldPolicy(facts)));
      await this.#install(wanted);
    });
  }

  /**
   * Elements are added, then rules change, then elements are deleted. A tightened policy holds for open connections
   * too: see `ESTABLISHED` in render-table.ts. What somebody else did to the table is repaired first.
   * @throws NftError with the culprit when it can be told; what was in force before then still is.
   */
  apply(change: PolicyChange): Promise<void> {
    const { pods, ...rest } = change;
    if (pods === undefined || Object.keys(rest).length > 0) return this.#inOrder(() => this.#applyNow(change));
    const gathered = this.#gathering ?? this.#gather();
    gathered.changes.push(pods);
    // Alone, so that nobody suffers for another's fault, and each hears of its own.
    return gathered.done.catch((refusal: unknown) => {
      if (gathered.changes.length === 1) throw refusal;
      return this.#inOrder(() => this.#applyNow(change));
    });
  }

  /** Whether the table is as this left it, by a look at its chains, rules and the number of its sets, not at elements. */
  verify(): boolean {
    return this.#pending > 0 || this.#isIntact();
  }

  /** What of the pod's policy the kernel does not hold, as sentences. Asks for each of its elements. */
  faults(hostInterface: string): string[] {
    const pod = this.#held.pods.get(hostInterface);
    if (pod === undefined) return [`${hostInterface} is not bound to a policy`];
    const elements = podElements(pod, this.#held.facts.hasIpv6);
    const lacking = elements.filter(({ set, encoded }) => !encoded.every((of) => this.#inspector.holds(set, of)));
    if (lacking.length === 0 && !this.verify()) return ['the policy table was changed by somebody else'];
    return lacking.map(({ set, text }) => `the policy table lacks ${text} in ${set}`);
  }

  /** Puts the table back as it was last wanted. */
  repair(): Promise<void> {
    return this.#inOrder(() => this.#putBack());
  }

  /** How often the table was put back after somebody else had changed it: by `repair`, or by an `apply` that met it. */
  get repairs(): number {
    return this.#repairs;
  }

  /** Deletes the table: pods then talk to whom they like. */
  remove(): Promise<void> {
    return this.#inOrder(async () => {
      await this.#nft.runOnPoolThread([{ text: 'add table inet weft' }, { text: 'delete table inet weft' }]);
      this.#held = new HeldPolicy();
      this.#seal = undefined;
    });
  }

  /** Chains of others whose policy drops forwarded packets, for the condition ForwardBlocked. */
  foreignForwardDrop(): ForeignChain[] {
    return this.#inspector.foreignForwardDrops();
  }

  /** Names of the chains of all tables but Weft's. */
  foreignChains(): string[] {
    return this.#inspector.foreignChains();
  }

  counters(): RuleCounter[] {
    return this.#inspector.counters();
  }

  /** The table stays. */
  async close(): Promise<void> {
    await this.#inOrder(async () => {
      this.#seal = undefined;
      this.#nft.close();
      this.#batch.close();
      this.#inspector.close();
      this.#conntrack.close();
    });
  }

  /** Pods come and go by the dozen: those of one turn of the event loop share a transaction. */
  #gather(): Gathered {
    const changes: PodChange[] = [];
    const done = this.#inOrder(async () => {
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#gathering === gathered) this.#gathering = undefined;
      await this.#applyNow({ pods: joined(changes) });
    });
    const gathered: Gathered = { changes, done };
    this.#gathering = gathered;
    return gathered;
  }

  async #applyNow(change: PolicyChange): Promise<void> {
    const next = nextState(this.#held, change);
    if (!this.#isIntact()) await this.#putBack();
    const needsNewTable =
      next.facts.vxlanPort !== this.#held.facts.vxlanPort ||
      next.facts.hasIpv6 !== this.#held.facts.hasIpv6 ||
      !isDeepStrictEqual(next.facts.natExceptions, this.#held.facts.natExceptions) ||
      next.deltas.some(({ key, type }) => (this.#held.sets.get(key)?.type ?? type) !== type);
    if (needsNewTable) await this.#install(afterwards(this.#held, next));
    else await this.#change(next);
  }

  async #putBack(): Promise<void> {
    this.#repairs += 1;
    await this.#install(this.#held);
  }

  async #change(next: NextState): Promise<void> {
    const steps = kernelSteps(this.#held, next);
    const families = familiesOf(next.facts);
    const concerned = [...addressesToRecheck(this.#held, next)];
    const rechecked = new Set(concerned.filter((address) => families.includes(familyOf(address))));
    const purged = addressesToPurge(this.#held, next);
    const takeBack = this.#held.commit(next);
    try {
      await this.#tell(steps, rechecked, purged);
    } catch (refusal) {
      // Perhaps the kernel held something else than this remembered: then the whole table goes through.
      try {
        await this.#install(this.#held);
        return;
      } catch {
        takeBack();
        await this.#install(this.#held).catch(() => undefined);
        throw refusal;
      }
    }
    if (this.#seal === undefined) this.#sealNow();
    else if (steps.isStructural || this.#seal.isOld) this.#sealSoon(this.#seal);
  }

  async #tell(steps: KernelSteps, rechecked: ReadonlySet<string>, purged: ReadonlySet<string>): Promise<void> {
    // Before the rules change, which is as good as with them: what is allowed still passes.
    if (rechecked.size > 0) this.#batch.commit(shutShortcut(rechecked));
    for (const messages of steps.load) this.#batch.commit(messages);
    await this.#nft.runOnPoolThread(steps.rules);
    this.#batch.commit(steps.bindings);
    for (const messages of steps.unload) this.#batch.commit(messages);
    this.#cut(new Set([...rechecked, ...purged]), (address) => purged.has(address));
    if (rechecked.size > 0) this.#batch.commit(openShortcut(rechecked));
  }

  /** Replaces the whole table. `wanted` is what is held then. */
  async #install(wanted: HeldPolicy): Promise<void> {
    await this.#nft.runOnPoolThread(renderState(wanted));
    this.#held = wanted;
    this.#sealNow();
    const blocks = wanted.facts.ownBlocks.flatMap((block) => parseCidr(block) ?? []);
    const local = this.#localAddresses();
    const isLeft = (address: string) =>
      wanted.podAt(address) === undefined &&
      !local.has(address) &&
      blocks.some((block) => containsText(block, address));
    this.#cut('all', isLeft);
    const families = familiesOf(wanted.facts);
    const addresses = [...wanted.pods.values()].flatMap((pod) => pod.addresses);
    this.#batch.commit(openShortcut(new Set(addresses.filter((address) => families.includes(familyOf(address))))));
    this.#sealNow();
  }

  /** Deletes the conntrack entries of `addresses` that policy forbids, and all of addresses that no pod has any more. */
  #cut(addresses: ReadonlySet<string> | 'all', isLeft: (address: string) => boolean): void {
    if (addresses !== 'all' && addresses.size === 0) return;
    const flows = this.#conntrack.flows(addresses);
    if (flows.length === 0) return;
    const local = this.#localAddresses();
    for (const flow of flows) {
      const isPurged = [flow.source, flow.destination, flow.dialled].some(isLeft);
      if (isPurged || isForbidden(this.#held, (address) => local.has(address), flow)) this.#conntrack.delete(flow);
    }
  }

  #isIntact(): boolean {
    if (this.#seal === undefined) return false;
    const generation = this.#inspector.generation();
    if (generation === this.#expected(this.#seal)) return true;
    // Whether what is under way is in force yet is not known: the next look knows.
    if (this.#seal.isOld) return this.#own.underWay > 0;
    if (this.#inspector.fingerprint() !== this.#seal.fingerprint) return false;
    this.#seal = { ...this.#seal, generation, ownCount: this.#own.count };
    return true;
  }

  /** The generation, if nobody but Weft has changed anything since. */
  #expected({ generation, ownCount }: Seal): number {
    return generation + this.#own.count - ownCount;
  }

  /** Pods do not wait for the fingerprint. A stranger's change before it is read costs a repair. */
  #sealSoon(seal: Seal): void {
    this.#seal = { ...seal, isOld: true };
    setImmediate(() => {
      if (this.#seal?.isOld !== true || this.#own.underWay > 0) return;
      const generation = this.#inspector.generation();
      if (generation === this.#expected(this.#seal)) this.#sealNow(generation);
    });
  }

  /** @param generation as it is now. */
  #sealNow(generation = this.#inspector.generation()): void {
    const fingerprint = this.#inspector.fingerprint();
    const ownCount = this.#own.count;
    this.#seal = fingerprint === undefined ? undefined : { generation, ownCount, fingerprint, isOld: false };
  }

  #inOrder<T>(work: () => Promise<T>): Promise<T> {
    this.#gathering = undefined;
    this.#pending += 1;
    const done = this.#last.then(work).finally(() => {
      this.#pending -= 1;
    });
    this.#last = done.catch(() => undefined);
    return done;
  }
}

/** What the kernel held when that was read last. */
interface Seal {
  readonly generation: number;
  /** Transactions of Weft's until then. */
  readonly ownCount: number;
  readonly fingerprint: string;
  /** The fingerprint is of before the last change of ours. */
  readonly isOld: boolean;
}

interface Gathered {
  readonly changes: PodChange[];
  readonly done: Promise<void>;
}

/** Of one interface the last word counts. */
function joined(changes: readonly PodChange[]): PodChange {
  const last = new Map<string, PodBinding | undefined>();
  for (const { bind = [], unbind = [] } of changes) {
    for (const name of unbind) last.set(name, undefined);
    for (const pod of bind) last.set(pod.hostInterface, pod);
  }
  return {
    bind: [...last.values()].filter((pod) => pod !== undefined),
    unbind: [...last].filter(([, pod]) => pod === undefined).map(([name]) => name),
  };
}

function afterwards(held: HeldPolicy, next: NextState): HeldPolicy {
  const sets = new Map([...held.sets].map(([key, { type, members }]) => [key, { type, members: [...members] }]));
  const copy = new HeldPolicy(held.facts, { sets, chains: held.chains, pods: [...held.pods.values()] });
  copy.commit(next);
  return copy;
}

function containsText(cidr: Cidr, address: string): boolean {
  const ip = parseIp(address);
  return ip !== undefined && containsAddress(cidr, ip);
}

function addressesOfThisNamespace(): ReadonlySet<string> {
  const all = Object.values(networkInterfaces()).flatMap((of) => of ?? []);
  return new Set(all.flatMap(({ address }) => canonicalIp(address) ?? []));
}
