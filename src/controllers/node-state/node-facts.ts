import type { IPBlock } from '../../api/generated/ipblock.ts';
import type { Node } from '../../api/kubernetes.ts';
import type { StoreReader } from '../../kube/store.ts';
import { isUnagreed, lentRanges } from '../../model/ipam/borrowed.ts';
import type { DesiredTable } from '../../model/node/desired.ts';
import { blockName } from '../../model/node/names.ts';
import { translateBlock, translateNode, translatePeer } from '../../model/node/translate-node.ts';

export interface NodeFactsDeps {
  readonly stores: { readonly nodes: StoreReader<Node>; readonly blocks: StoreReader<IPBlock> };
  readonly table: DesiredTable;
  readonly trust: { readonly trustDomain: string; readonly trustBundlePem: string };
}

interface BlockPlace {
  readonly cidr: string;
  /** Undefined: its Node is gone. */
  readonly node: string | undefined;
}

/**
 * What each node is told of itself, of its blocks, and of the others. Kubelets write Nodes all the time: a change costs
 * in proportion to the nodes, never to their pairs, unless a node is new.
 */
export class NodeFacts {
  readonly #deps: NodeFactsDeps;
  readonly #nodes = new Set<string>();
  /** Nodes that all others are told of. */
  readonly #peers = new Set<string>();
  /** By the block's name. */
  readonly #blocks = new Map<string, BlockPlace>();
  /** By CIDR of a block: what others have borrowed of it. */
  #lent: ReadonlyMap<string, readonly string[]> = new Map();

  constructor(deps: NodeFactsDeps) {
    this.#deps = deps;
  }

  flush(changedNodes: ReadonlySet<string>, changedBlocks: ReadonlySet<string>): void {
    if (changedNodes.size === 0 && changedBlocks.size === 0) return;
    const { stores } = this.#deps;
    for (const name of changedNodes) if (stores.nodes.get(name) === undefined) this.#remove(name);
    this.#welcome([...changedNodes].filter((name) => stores.nodes.get(name) !== undefined && !this.#nodes.has(name)));
    const owners = this.#moveBlocks(changedBlocks);
    const agreed = stores.blocks.list().filter((block) => !isUnagreed(block));
    const blocksByNode = Map.groupBy(agreed, ({ spec }) => spec.nodeUid);
    for (const name of new Set([...changedNodes, ...owners])) {
      const node = stores.nodes.get(name);
      if (node !== undefined) this.#put(node, blocksByNode.get(node.metadata.uid ?? '') ?? []);
    }
  }

  /** New nodes are told of those that all others are told of. */
  #welcome(names: readonly string[]): void {
    if (names.length === 0) return;
    for (const name of names) this.#nodes.add(name);
    for (const peer of this.#peers) {
      this.#deps.table.require('peer', peer, { add: names.filter((name) => name !== peer) });
    }
  }

  #remove(name: string): void {
    this.#nodes.delete(name);
    this.#peers.delete(name);
    this.#deps.table.remove('peer', name);
    this.#deps.table.removeNode(name);
  }

  /** Nodes whose blocks these are or were, and those that lend or lent of theirs. */
  #moveBlocks(changed: ReadonlySet<string>): ReadonlySet<string> {
    const owners = new Set<string>();
    if (changed.size === 0) return owners;
    const { stores, table } = this.#deps;
    const nodeOf = new Map(stores.nodes.list().map(({ metadata }) => [metadata.uid, metadata.name]));
    for (const cidr of this.#takeLent()) {
      const lender = nodeOf.get(stores.blocks.get(blockName(cidr))?.spec.nodeUid ?? '');
      if (lender !== undefined) owners.add(lender);
    }
    for (const key of changed) {
      const [before, stored] = [this.#blocks.get(key), stores.blocks.get(key)];
      const block = stored !== undefined && isUnagreed(stored) ? undefined : stored;
      const node = block === undefined ? undefined : nodeOf.get(block.spec.nodeUid);
      for (const owner of [before?.node, node]) if (owner !== undefined) owners.add(owner);
      if (block !== undefined) this.#blocks.set(key, { cidr: block.spec.cidr, node });
      else if (this.#blocks.delete(key) && before !== undefined) table.remove('block', before.cidr);
    }
    return owners;
  }

  /** Blocks of which something else is lent than before. */
  #takeLent(): readonly string[] {
    const [before, now] = [this.#lent, lentRanges(this.#deps.stores.blocks.list())];
    this.#lent = now;
    const cidrs = new Set([...before.keys(), ...now.keys()]);
    return [...cidrs].filter((cidr) => before.get(cidr)?.join() !== now.get(cidr)?.join());
  }

  /** @param blocks those of this very node, by its uid. */
  #put(node: Node, blocks: readonly IPBlock[]): void {
    const { table, trust } = this.#deps;
    const { name } = node.metadata;
    const own = translateNode(node, blocks, trust);
    if (own !== undefined) table.setOwn(name, 'node', 'self', own);
    for (const block of blocks) {
      const { cidr } = block.spec;
      this.#blocks.set(block.metadata.name, { cidr, node: name });
      table.set('block', cidr, translateBlock(block, this.#lent.get(cidr) ?? []), [name]);
    }
    const peer = translatePeer(node, blocks);
    if (peer === undefined) {
      if (this.#peers.delete(name)) table.remove('peer', name);
    } else if (this.#peers.has(name)) {
      table.set('peer', name, peer);
    } else {
      this.#peers.add(name);
      const others = [...this.#nodes].filter((other) => other !== name);
      table.set('peer', name, peer, others);
    }
  }
}
