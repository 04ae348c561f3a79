import { inNetns } from '../netns.ts';
import { Inspector } from './inspect.ts';
import { type NftLine, NftContext } from './libnftables.ts';
import { NftError } from './nft-error.ts';
import { NFPROTO_BRIDGE, NFPROTO_INET } from './nfnetlink.ts';

/** A table whose rules never change, only what its sets and maps hold. */
export interface TableShape {
  readonly family: 'inet' | 'bridge';
  readonly name: string;
  /** Name → what nft is told of it: `set { type … }`. */
  readonly sets: Readonly<Record<string, string>>;
  /** Name, with its hook when it has one → rules. */
  readonly chains: Readonly<Record<string, readonly string[]>>;
}

export interface TableElement {
  readonly set: string;
  /** As nft prints it, with numbers for protocols; equal text is equal content. */
  readonly text: string;
}

/**
 * One such table in the kernel, which is there as long as it has elements. Changes are made one after the other, in the
 * order they were asked for; what somebody else did to the table is repaired first.
 */
export class ElementTable {
  readonly #shape: TableShape;
  readonly #nft: NftContext;
  readonly #inspector: Inspector;
  #held = new Map<string, TableElement>();
  #seal: { readonly generation: number; readonly fingerprint: string } | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /** @throws NftError `LibraryMissing`, NetnsError, NetlinkError. */
  constructor(shape: TableShape, netnsPath: string) {
    this.#shape = shape;
    const protocol = shape.family === 'inet' ? NFPROTO_INET : NFPROTO_BRIDGE;
    const parts = inNetns(netnsPath, () => [new NftContext(), new Inspector(shape.name, protocol)] as const);
    [this.#nft, this.#inspector] = parts;
  }

  /** What the kernel holds, whoever wrote it. @throws NftError when it is not understood. */
  list(): readonly TableElement[] {
    const { family, name, sets } = this.#shape;
    if (!this.#inspector.hasTable()) return [];
    const found: TableElement[] = [];
    const listing = this.#nft.list(`list table ${family} ${name}`);
    for (const [, set = '', text = ''] of listing.matchAll(/(?:map|set) (\w+) \{[^{}]*elements = \{([^{}]*)\}/g)) {
      if (!(set in sets)) throw new NftError('Refused', `there is an unknown set '${set}' in ${family} ${name}`);
      for (const element of text.split(',')) found.push({ set, text: element.trim() });
    }
    return found;
  }

  /** Replaces the table whatever it holds, in one transaction. */
  reset(wanted: readonly TableElement[]): Promise<void> {
    return this.#inOrder(async () => {
      this.#held = new Map(wanted.map((element) => [keyOf(element), element]));
      if (this.#held.size > 0 || this.#inspector.hasTable()) await this.#install();
    });
  }

  /** Resolves with what was added or taken away. @param wanted asked when its turn comes. @throws NftError */
  apply(wanted: () => readonly TableElement[]): Promise<readonly TableElement[]> {
    return this.#inOrder(async () => {
      const next = new Map(wanted().map((element) => [keyOf(element), element]));
      const before = this.#held;
      const [gone, added] = [without(before, next), without(next, before)];
      const isWhole = next.size > 0 && this.#isIntact();
      this.#held = next;
      try {
        if (isWhole) await this.#nft.runOnPoolThread([...this.#lines('delete', gone), ...this.#lines('add', added)]);
        else await this.#install();
      } catch (refusal) {
        this.#held = before;
        throw refusal;
      }
      this.#sealNow();
      return [...gone, ...added];
    });
  }

  /** Puts the table back where somebody else changed it: chains, rules or elements. Whether that was so. */
  repair(): Promise<boolean> {
    return this.#inOrder(async () => {
      if (this.#held.size === 0 || this.#isIntact()) return false;
      await this.#install();
      return true;
    });
  }

  async close(): Promise<void> {
    await this.#inOrder(async () => {
      this.#nft.close();
      this.#inspector.close();
    });
  }

  /** What is held, and nothing else; without elements no table. */
  async #install(): Promise<void> {
    const { sets, chains } = this.#shape;
    const table = `${this.#shape.family} ${this.#shape.name}`;
    const texts = [`add table ${table}`, `delete table ${table}`];
    if (this.#held.size > 0) {
      const names = Object.keys(chains);
      texts.push(`add table ${table}`);
      texts.push(...Object.entries(sets).map(([name, type]) => `add ${type.replace(' ', ` ${table} ${name} `)}`));
      texts.push(...names.map((name) => `add chain ${table} ${name}`));
      for (const name of names)
        texts.push(...(chains[name] ?? []).map((rule) => `add rule ${table} ${name.split(' ')[0]} ${rule}`));
    }
    await this.#nft.runOnPoolThread([
      ...texts.map((text) => ({ text })),
      ...this.#lines('add', [...this.#held.values()]),
    ]);
    this.#sealNow();
  }

  #lines(action: 'add' | 'delete', elements: readonly TableElement[]): NftLine[] {
    const { family, name } = this.#shape;
    return elements.map(({ set, text }) => ({ text: `${action} element ${family} ${name} ${set} { ${text} }` }));
  }

  #isIntact(): boolean {
    if (this.#seal === undefined) return false;
    const generation = this.#inspector.generation();
    if (generation === this.#seal.generation) return true;
    if (this.#inspector.fingerprint() !== this.#seal.fingerprint) return false;
    const present = this.list();
    if (present.length !== this.#held.size || present.some((of) => !this.#held.has(keyOf(of)))) return false;
    this.#seal = { ...this.#seal, generation };
    return true;
  }

  #sealNow(): void {
    const generation = this.#inspector.generation();
    const fingerprint = this.#inspector.fingerprint();
    this.#seal = fingerprint === undefined ? undefined : { generation, fingerprint };
  }

  #inOrder<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }
}

function keyOf({ set, text }: TableElement): string {
  return `${set} ${text}`;
}

function without(some: ReadonlyMap<string, TableElement>, others: ReadonlyMap<string, unknown>): TableElement[] {
  return [...some].flatMap(([key, element]) => (others.has(key) ? [] : [element]));
}
