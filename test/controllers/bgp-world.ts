import type { BgpIr } from '../../src/model/node/ir.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { BgpCompiler, type BgpStores } from '../../src/controllers/bgp/compiler.ts';
import { Store } from '../../src/kube/store.ts';
import { DesiredTable } from '../../src/model/node/desired.ts';
import { parseManifests } from '../support/manifests.ts';

const STORE_OF = {
  Node: 'nodes',
  IPPool: 'pools',
  IPBlock: 'blocks',
  Service: 'services',
  EndpointSlice: 'endpointSlices',
  BGPConfiguration: 'bgpConfigurations',
  BGPPeer: 'bgpPeers',
} as const satisfies Record<string, keyof BgpStores>;

/** Real stores, and what the compiler makes of them. */
export class BgpWorldOfTest {
  readonly table = new DesiredTable();
  readonly compiler: BgpCompiler;
  readonly passwords = new Map<string, string>();
  wakes = 0;
  readonly #stores: Record<string, Store<KubeObject>> = {};
  #version = 0;

  constructor(manifests = '') {
    for (const name of Object.values(STORE_OF)) this.#stores[name] = new Store<KubeObject>();
    const deps = {
      stores: this.#stores as unknown as BgpStores,
      table: this.table,
      passwordOf: ({ name, key }: { name: string; key: string }) => this.passwords.get(`${name}/${key}`),
    };
    this.compiler = new BgpCompiler(deps, () => {
      this.wakes += 1;
    });
    this.put(manifests);
  }

  put(manifests: string): void {
    for (const object of parseManifests(manifests)) this.#storeOf(object).set(this.#stamped(object));
  }

  remove(manifest: string): void {
    for (const object of parseManifests(manifest)) this.#storeOf(object).delete(this.#stamped(object));
  }

  /** Names of the nodes that are told something else. */
  flush(): string[] {
    this.compiler.flush();
    return [...this.table.takeDirty().keys()].sort();
  }

  of(node: string): BgpIr | undefined {
    return this.table.body(node, { kind: 'bgp', key: 'self' }) as BgpIr | undefined;
  }

  #storeOf({ kind = '' }: KubeObject): Store<KubeObject> {
    const store = this.#stores[STORE_OF[kind as keyof typeof STORE_OF]];
    if (store === undefined) throw new Error(`no store of ${kind}`);
    return store;
  }

  #stamped(object: KubeObject): KubeObject {
    this.#version += 1;
    const { name } = object.metadata;
    return { ...object, metadata: { uid: `uid-${name}`, ...object.metadata, resourceVersion: `${this.#version}` } };
  }
}
