import { shortHash } from '../../lib/hash.ts';
import { canonicalJson, type Content } from './desired-encoding.ts';
import type { AddressSetIr } from './ir.ts';

/** Members to add and to remove; no member is in both. */
export interface SetChange {
  readonly add: readonly string[];
  readonly remove: readonly string[];
}

interface LoggedChange extends SetChange {
  readonly from: string;
  readonly to: string;
}

/** Changes are remembered while they hold fewer members than the set itself, or than this. */
const SMALL_LOG = 64;

/**
 * An address set that remembers its latest changes, so that a node that holds an earlier version is sent the
 * difference. The version is a sum over the members' hashes (so it costs what changed) and their number: 64 bits are
 * enough against chance, and nobody but pool and policy owners chooses members.
 */
export class SetContent implements Content {
  readonly #type: AddressSetIr['type'];
  readonly #members: Set<string>;
  #sum = 0n;
  #log: LoggedChange[] = [];
  #logged = 0;
  #bytes: Uint8Array | undefined;

  constructor({ type, members }: AddressSetIr) {
    this.#type = type;
    this.#members = new Set(members);
    for (const member of this.#members) this.#sum += memberHash(member);
  }

  get version(): string {
    return `${this.#type}-${this.#members.size}-${BigInt.asUintN(64, this.#sum).toString(16)}`;
  }

  get body(): AddressSetIr {
    return { type: this.#type, members: [...this.#members].sort() };
  }

  encode(): Uint8Array {
    this.#bytes ??= new TextEncoder().encode(canonicalJson(this.body));
    return this.#bytes;
  }

  /** False when the set already is so. */
  change({ add, remove }: SetChange): boolean {
    const added = [...new Set(add)].filter((member) => !this.#members.has(member));
    const removed = [...new Set(remove)].filter((member) => this.#members.has(member));
    if (added.length + removed.length === 0) return false;
    const from = this.version;
    for (const member of added) {
      this.#members.add(member);
      this.#sum += memberHash(member);
    }
    for (const member of removed) {
      this.#members.delete(member);
      this.#sum -= memberHash(member);
    }
    this.#bytes = undefined;
    this.#remember({ from, to: this.version, add: added, remove: removed });
    return true;
  }

  /** Makes the set equal to `body`. False when it already is. The type stays. */
  become(body: AddressSetIr): boolean {
    const wanted = new Set(body.members);
    return this.change({ add: body.members, remove: [...this.#members].filter((member) => !wanted.has(member)) });
  }

  isType(type: AddressSetIr['type']): boolean {
    return this.#type === type;
  }

  /** From `version` to now, sorted; undefined when that is forgotten, or was never. */
  changeSince(version: string): SetChange | undefined {
    const start = this.#log.findLastIndex(({ from }) => from === version);
    if (start < 0) return undefined;
    // A member's first and last step tell what it was and what it is: only those that differ remain.
    const steps = new Map<string, { readonly first: boolean; last: boolean }>();
    const step = (member: string, present: boolean) => {
      const known = steps.get(member);
      if (known === undefined) steps.set(member, { first: present, last: present });
      else known.last = present;
    };
    for (const { add, remove } of this.#log.slice(start)) {
      for (const member of add) step(member, true);
      for (const member of remove) step(member, false);
    }
    const net = (present: boolean) =>
      [...steps].filter(([, { first, last }]) => first === last && last === present).map(([member]) => member);
    return { add: net(true).sort(), remove: net(false).sort() };
  }

  #remember(change: LoggedChange): void {
    this.#log.push(change);
    this.#logged += sizeOf(change);
    const limit = Math.max(SMALL_LOG, this.#members.size);
    while (this.#logged > limit) {
      const oldest = this.#log.shift();
      if (oldest === undefined) return;
      this.#logged -= sizeOf(oldest);
    }
  }
}

function sizeOf({ add, remove }: SetChange): number {
  return add.length + remove.length;
}

function memberHash(member: string): bigint {
  return BigInt(`0x${shortHash(member)}`);
}
