import { type Cidr, containsAddress, parseIp } from '../../lib/ip.ts';
import type { AddressSetIr } from '../node/ir.ts';
import type { PodFacts } from './pod-facts.ts';
import { namedPortKey } from './ports.ts';
import { cidrSetKey, parseCanonicalCidrs, podSetKey, sourceKey, type PodSource } from './sources.ts';
import { selectorKey } from './selector-index.ts';

export interface MemberPatch {
  readonly add: readonly string[];
  readonly remove: readonly string[];
}

interface Source {
  readonly key: string;
  readonly selector: string;
  readonly port: string | undefined;
  readonly within: readonly Cidr[] | undefined;
  /** How many addresses are known under each port number; sources without a port leave it empty. */
  readonly numbers: Map<number, number>;
  users: number;
}

/** Members and how many pods put each there: two pods can show one address for a moment. */
interface MemberTable {
  readonly type: AddressSetIr['type'];
  readonly members: Map<string, number>;
}

/** The members of every address set that a policy could need, and what changed in them since it was last asked. */
export class AddressSets {
  readonly #sources = new Map<string, Source>();
  readonly #bySelector = new Map<string, Set<Source>>();
  readonly #cidrUsers = new Map<string, number>();
  readonly #tables = new Map<string, MemberTable>();
  /** Set key → member → whether it was one before the change. */
  readonly #touched = new Map<string, Map<string, boolean>>();
  readonly #renumbered = new Set<string>();

  /** Counts one more user of the source; the first one fills its sets from `pods`, those its selector matches now. */
  acquire(spec: PodSource, pods: Iterable<PodFacts>): void {
    const key = sourceKey(spec);
    const known = this.#sources.get(key);
    if (known !== undefined) {
      known.users += 1;
      return;
    }
    const source: Source = {
      key,
      selector: selectorKey(spec.selector),
      port: spec.port === undefined ? undefined : namedPortKey(spec.port),
      within: spec.within === undefined ? undefined : parseCanonicalCidrs(spec.within),
      numbers: new Map(),
      users: 1,
    };
    this.#sources.set(key, source);
    const siblings = this.#bySelector.get(source.selector);
    if (siblings === undefined) this.#bySelector.set(source.selector, new Set([source]));
    else siblings.add(source);
    if (source.port === undefined) this.#tables.set(podSetKey(key), { type: 'ip', members: new Map() });
    for (const pod of pods) this.#contribute(source, pod, 1);
  }

  release(spec: PodSource): void {
    const source = this.#sources.get(sourceKey(spec));
    if (source === undefined) return;
    source.users -= 1;
    if (source.users > 0) return;
    this.#sources.delete(source.key);
    const siblings = this.#bySelector.get(source.selector);
    siblings?.delete(source);
    if (siblings?.size === 0) this.#bySelector.delete(source.selector);
    if (source.port === undefined) this.#drop(podSetKey(source.key));
    for (const number of source.numbers.keys()) this.#drop(podSetKey(source.key, number));
  }

  acquireCidrs(cidrs: readonly string[]): void {
    const key = cidrSetKey(cidrs);
    this.#cidrUsers.set(key, (this.#cidrUsers.get(key) ?? 0) + 1);
    this.#tables.set(key, { type: 'cidr', members: new Map(cidrs.map((cidr) => [cidr, 1])) });
  }

  releaseCidrs(cidrs: readonly string[]): void {
    const key = cidrSetKey(cidrs);
    const users = (this.#cidrUsers.get(key) ?? 0) - 1;
    if (users > 0) {
      this.#cidrUsers.set(key, users);
    } else {
      this.#cidrUsers.delete(key);
      this.#drop(key);
    }
  }

  join(selector: string, pod: PodFacts): void {
    for (const source of this.#bySelector.get(selector) ?? []) this.#contribute(source, pod, 1);
  }

  leave(selector: string, pod: PodFacts): void {
    for (const source of this.#bySelector.get(selector) ?? []) this.#contribute(source, pod, -1);
  }

  /** Keys of the sets that the pod is in because the selector matches it. */
  holding(selector: string, pod: PodFacts): string[] {
    return [...(this.#bySelector.get(selector) ?? [])].flatMap((source) => setOf(source, pod) ?? []);
  }

  /** Ascending: the numbers by which the pods of a source with a port know its name. */
  numbersOf(source: PodSource): number[] {
    return [...(this.#sources.get(sourceKey(source))?.numbers.keys() ?? [])].sort((a, b) => a - b);
  }

  body(key: string): AddressSetIr | undefined {
    const table = this.#tables.get(key);
    if (table === undefined) return undefined;
    const members = [...table.members.keys()];
    return { type: table.type, members: members.sort() };
  }

  /** Keys of sources that gained or lost a port number since the last call. */
  takeRenumbered(): string[] {
    const keys = [...this.#renumbered].sort();
    this.#renumbered.clear();
    return keys;
  }

  /** What changed in the members of each set since the last call; sorted. */
  takePatches(): Map<string, MemberPatch> {
    const patches = new Map<string, MemberPatch>();
    for (const [key, touched] of this.#touched) {
      const members = this.#tables.get(key)?.members;
      const add = [...touched].filter(([member, before]) => !before && members?.has(member) === true);
      const remove = [...touched].filter(([member, before]) => before && members?.has(member) !== true);
      if (add.length + remove.length > 0) patches.set(key, { add: sortedKeys(add), remove: sortedKeys(remove) });
    }
    this.#touched.clear();
    return patches;
  }

  #contribute(source: Source, pod: PodFacts, by: 1 | -1): void {
    const number = source.port === undefined ? undefined : pod.namedPorts.get(source.port);
    const setKey = setOf(source, pod);
    if (setKey === undefined) return;
    for (const address of pod.addresses) {
      if (source.within !== undefined && !isWithin(source.within, address)) continue;
      this.#count(setKey, address, by);
      if (number === undefined) continue;
      const uses = (source.numbers.get(number) ?? 0) + by;
      if (uses > 0) source.numbers.set(number, uses);
      else source.numbers.delete(number);
      if (uses === 0 || (uses === 1 && by === 1)) this.#renumbered.add(source.key);
      if (uses === 0) this.#tables.delete(setKey);
    }
  }

  #count(setKey: string, member: string, by: 1 | -1): void {
    let table = this.#tables.get(setKey);
    if (table === undefined) {
      table = { type: 'ip', members: new Map() };
      this.#tables.set(setKey, table);
    }
    const count = (table.members.get(member) ?? 0) + by;
    const touched = this.#touched.get(setKey) ?? new Map<string, boolean>();
    this.#touched.set(setKey, touched);
    if (!touched.has(member)) touched.set(member, table.members.has(member));
    if (count > 0) table.members.set(member, count);
    else table.members.delete(member);
  }

  #drop(setKey: string): void {
    this.#tables.delete(setKey);
    this.#touched.delete(setKey);
  }
}

/** The set of the source that the pod belongs into; undefined for a pod without the source's port. */
function setOf(source: Source, pod: PodFacts): string | undefined {
  const number = source.port === undefined ? undefined : pod.namedPorts.get(source.port);
  return source.port !== undefined && number === undefined ? undefined : podSetKey(source.key, number);
}

function sortedKeys(entries: readonly (readonly [string, boolean])[]): string[] {
  return entries.map(([key]) => key).sort();
}

function isWithin(prefixes: readonly Cidr[], address: string): boolean {
  const ip = parseIp(address);
  return ip !== undefined && prefixes.some((prefix) => containsAddress(prefix, ip));
}
