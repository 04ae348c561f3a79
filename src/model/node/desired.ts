import { plainContent, type Content } from './desired-encoding.ts';
import { SetContent, type SetChange } from './desired-set.ts';
import { refId, type AnyRef, type ResourceRef, type SetPatch, type Watermark } from './desired-update.ts';
import type { AddressSetIr, ResourceBodies, ResourceKind } from './ir.ts';

export interface NodesChange {
  readonly add?: readonly string[];
  readonly remove?: readonly string[];
}

interface Entry {
  /** The `refId`, one text for all nodes. */
  readonly id: string;
  readonly ref: ResourceRef;
  readonly nodes: Set<string>;
  content: Content | undefined;
}

type Named = Pick<Entry, 'id' | 'ref'>;

/**
 * What every node should hold. A resource is kept once, however many nodes need it, and so are its version and its
 * encoded bytes; the cost of a call grows with the nodes and members it changes. What nodes must be told is collected
 * until `takeDirty`.
 */
export class DesiredTable {
  readonly #shared = new Map<string, Entry>();
  readonly #byNode = new Map<string, Map<string, Entry>>();
  /** What every node should hold, whichever there are. */
  readonly #everywhere = new Map<string, Entry>();
  #dirty = new Map<string, Map<string, ResourceRef>>();
  #watermark: Watermark = {};
  #contents: Watermark = {};

  /** A resource that nodes share. `nodes`: all that need it; left out, those of `require` stay. */
  set<K extends ResourceKind>(kind: K, key: string, body: ResourceBodies[K], nodes?: Iterable<string>): void {
    const entry = this.#entry({ kind, key });
    if (replaceContent(entry, body)) this.#markAll(entry);
    if (nodes === undefined) return;
    const wanted = new Set(nodes);
    this.require(kind, key, { add: [...wanted], remove: [...entry.nodes].filter((node) => !wanted.has(node)) });
  }

  /** A resource of one node alone, under a key that may mean something else on others: `node` `self`. */
  setOwn<K extends ResourceKind>(node: string, kind: K, key: string, body: ResourceBodies[K]): void {
    const ref: ResourceRef = { kind, key };
    const [own, id] = [this.#ofNode(node), refId(ref)];
    const entry: Entry = own.get(id) ?? { id, ref, nodes: new Set([node]), content: undefined };
    own.set(id, entry);
    if (replaceContent(entry, body)) this.#mark(node, entry);
  }

  removeOwn(node: string, kind: ResourceKind, key: string): void {
    const ref: ResourceRef = { kind, key };
    const id = refId(ref);
    if (this.#byNode.get(node)?.delete(id) === true) this.#mark(node, { id, ref });
  }

  /** A resource that all nodes need, those that come later too. */
  setEverywhere<K extends ResourceKind>(kind: K, key: string, body: ResourceBodies[K]): void {
    const ref: ResourceRef = { kind, key };
    const id = refId(ref);
    const entry: Entry = this.#everywhere.get(id) ?? { id, ref, nodes: new Set(), content: undefined };
    this.#everywhere.set(id, entry);
    if (replaceContent(entry, body)) this.#markEverywhere(entry);
  }

  removeEverywhere(kind: ResourceKind, key: string): void {
    const ref: ResourceRef = { kind, key };
    const id = refId(ref);
    if (this.#everywhere.delete(id)) this.#markEverywhere({ id, ref });
  }

  /** Changes the members of a set that `set` has announced. */
  patchSet(key: string, change: SetChange): void {
    const entry = this.#shared.get(refId({ kind: 'addressSet', key }));
    if (entry?.content instanceof SetContent && entry.content.change(change)) this.#markAll(entry);
  }

  /** Nodes that begin or cease to need a shared resource; may come before the resource itself. */
  require(kind: ResourceKind, key: string, nodes: NodesChange): void {
    const entry = this.#entry({ kind, key });
    for (const node of nodes.add ?? []) {
      if (entry.nodes.has(node)) continue;
      entry.nodes.add(node);
      this.#ofNode(node).set(entry.id, entry);
      this.#mark(node, entry);
    }
    for (const node of nodes.remove ?? []) {
      if (!entry.nodes.delete(node)) continue;
      this.#byNode.get(node)?.delete(entry.id);
      this.#mark(node, entry);
    }
    if (entry.nodes.size === 0 && entry.content === undefined) this.#shared.delete(entry.id);
  }

  /** Takes a shared resource from all nodes. */
  remove(kind: ResourceKind, key: string): void {
    const id = refId({ kind, key });
    const entry = this.#shared.get(id);
    if (entry === undefined) return;
    this.#shared.delete(id);
    for (const node of entry.nodes) {
      this.#byNode.get(node)?.delete(id);
      this.#mark(node, entry);
    }
  }

  /** A node that is gone: nothing is desired of it, and nobody is told. */
  removeNode(node: string): void {
    for (const entry of this.#byNode.get(node)?.values() ?? []) entry.nodes.delete(node);
    this.#byNode.delete(node);
    this.#dirty.delete(node);
  }

  /**
   * What the state set so far knows everything up to, and the newest objects in it. Two numbers, because replicas hear
   * the same objects but not the same bookmarks: a node must hold what any replica in step can offer.
   */
  advance(watermark: Watermark, contents = watermark): void {
    this.#watermark = { ...this.#watermark, ...watermark };
    this.#contents = { ...this.#contents, ...contents };
  }

  contents(): Watermark {
    return this.#contents;
  }

  watermark(): Watermark {
    return this.#watermark;
  }

  /** Node → what may have changed for it since the last call: set, patched, newly needed or no longer needed. */
  takeDirty(): ReadonlyMap<string, readonly ResourceRef[]> {
    const dirty = new Map([...this.#dirty].map(([node, refs]) => [node, [...refs.values()]]));
    this.#dirty = new Map();
    return dirty;
  }

  /** The nodes that should hold a shared resource. */
  nodesOf(ref: AnyRef): Iterable<string> {
    const id = refId(ref);
    return this.#everywhere.has(id) ? this.#byNode.keys() : (this.#shared.get(id)?.nodes ?? []);
  }

  /** All that a node should hold, in no particular order. */
  resourcesOf(node: string): ResourceRef[] {
    const own = this.#byNode.get(node);
    if (own === undefined) return [];
    return [...own.values(), ...this.#everywhere.values()]
      .filter(({ content }) => content !== undefined)
      .map(({ ref }) => ref);
  }

  /** Undefined: the node should not hold it. */
  version(node: string, ref: AnyRef): string | undefined {
    return this.#content(node, ref)?.version;
  }

  /** JSON text, UTF-8; the same bytes for every node that needs the resource. */
  encoded(node: string, ref: AnyRef): Uint8Array | undefined {
    return this.#content(node, ref)?.encode();
  }

  body(node: string, ref: AnyRef): unknown {
    return this.#content(node, ref)?.body;
  }

  /** From what the node holds of a set to what it should hold; undefined when only the whole set will do. */
  setPatch(node: string, key: string, fromVersion: string): SetPatch | undefined {
    const content = this.#content(node, { kind: 'addressSet', key });
    const change = content instanceof SetContent ? content.changeSince(fromVersion) : undefined;
    if (content === undefined || change === undefined) return undefined;
    return { key, fromVersion, toVersion: content.version, ...change };
  }

  #content(node: string, ref: AnyRef): Content | undefined {
    const own = this.#byNode.get(node);
    const id = refId(ref);
    return (own?.get(id) ?? (own === undefined ? undefined : this.#everywhere.get(id)))?.content;
  }

  #entry(ref: ResourceRef): Entry {
    const id = refId(ref);
    const entry: Entry = this.#shared.get(id) ?? { id, ref, nodes: new Set(), content: undefined };
    this.#shared.set(id, entry);
    return entry;
  }

  #ofNode(node: string): Map<string, Entry> {
    const own = this.#byNode.get(node) ?? new Map<string, Entry>();
    this.#byNode.set(node, own);
    return own;
  }

  #markAll(entry: Entry): void {
    for (const node of entry.nodes) this.#mark(node, entry);
  }

  #markEverywhere(what: Named): void {
    for (const node of this.#byNode.keys()) this.#mark(node, what);
  }

  #mark(node: string, { id, ref }: Named): void {
    const refs = this.#dirty.get(node) ?? new Map<string, ResourceRef>();
    this.#dirty.set(node, refs);
    refs.set(id, ref);
  }
}

/** False when the entry already says the same. */
function replaceContent(entry: Entry, body: ResourceBodies[ResourceKind]): boolean {
  if (isAddressSet(entry.ref, body)) {
    if (entry.content instanceof SetContent && entry.content.isType(body.type)) return entry.content.become(body);
    entry.content = new SetContent(body);
    return true;
  }
  const content = plainContent(body);
  if (entry.content?.version === content.version) return false;
  entry.content = content;
  return true;
}

function isAddressSet(ref: ResourceRef, body: ResourceBodies[ResourceKind]): body is AddressSetIr {
  return ref.kind === 'addressSet' && 'members' in body;
}
