import type { DeadLease, NodeInspection, NodeRepairs } from '../model/ipam/inspection.ts';
import type { LendAnswer, LendAsk } from '../model/ipam/loan.ts';
import { StringPool } from '../lib/string-pool.ts';
import type { ClusterCalls } from '../model/mesh/cluster-calls.ts';
import type { ProxyViewAsk } from '../model/mesh/proxy-view.ts';
import type { DeniedFlow } from '../model/policy/denied-flow.ts';
import type { AnyRef } from '../model/node/desired-update.ts';
import { LeaseView } from './lease-view.ts';
import { NodeConnection, type SharedByConnections } from './operator-connection.ts';
import type { OperatorClientOptions } from './operator-ports.ts';
import { UPDATE_LIMIT_BYTES } from './plan-update.ts';

/** Of all nodes together, when all are behind at once: each update lies in memory several times until it is sent. */
const BYTES_UNDER_WAY = 8_000_000;
const SMALLEST_LIMIT_BYTES = 32_000;
/** Keys and versions: more than a large cluster has, of which most nodes hold the same. */
const STRINGS = 100_000;

/** The operator's end of the node stream: a connection to every node, each with its own pace. */
export class OperatorClient {
  readonly #options: OperatorClientOptions;
  readonly #connections = new Map<string, NodeConnection>();
  readonly #leases = new Map<string, LeaseView>();
  readonly #closing = new Set<Promise<void>>();
  readonly #shared: SharedByConnections = {
    strings: new StringPool(STRINGS),
    updateLimitBytes: () => {
      const share = Math.floor(BYTES_UNDER_WAY / this.#connections.size);
      return Math.max(SMALLEST_LIMIT_BYTES, Math.min(UPDATE_LIMIT_BYTES, share));
    },
  };

  constructor(options: OperatorClientOptions) {
    this.#options = options;
  }

  /** All nodes there are: name → `host:port` of the agent. Dials new ones, redials those that moved, keeps others. */
  setNodes(addresses: ReadonlyMap<string, string>): void {
    for (const [node, connection] of this.#connections) {
      if (addresses.get(node) !== connection.address) this.#hangUp(node, connection);
      if (!addresses.has(node)) this.#forget(node);
    }
    for (const [node, address] of addresses) {
      if (this.#connections.has(node)) continue;
      const leases = this.#leases.get(node) ?? new LeaseView();
      this.#leases.set(node, leases);
      this.#connections.set(node, new NodeConnection(node, address, leases, this.#shared, this.#options));
    }
  }

  /**
   * To be called after the desired state or its watermark moved, with what may have changed for each node
   * (`DesiredTable.takeDirty`).
   */
  changed(dirty: ReadonlyMap<string, readonly AnyRef[]>): void {
    for (const [node, connection] of this.#connections) connection.changed(dirty.get(node) ?? []);
  }

  isPrimary(node: string): boolean {
    return this.#connections.get(node)?.isPrimary === true;
  }

  /** Sorted. */
  connectedNodes(): string[] {
    return [...this.#connections]
      .filter(([, connection]) => connection.isConnected)
      .map(([node]) => node)
      .sort();
  }

  /** Takes Weft off a node; the agent's complaints, none if all is gone. Rejects when the node cannot be reached. */
  async teardown(node: string, force: boolean): Promise<readonly string[]> {
    return this.#connectionTo(node).teardown(force);
  }

  /** What the node knows of addresses; a replica asks it beside whoever is primary. Rejects as `teardown`. */
  async inspect(node: string): Promise<NodeInspection> {
    return this.#connectionTo(node).inspect();
  }

  /** What the node's policies denied lately. Rejects as `teardown`. */
  async deniedFlows(node: string): Promise<readonly DeniedFlow[]> {
    return this.#connectionTo(node).deniedFlows();
  }

  /** A part of a pod's proxy, gzip. Rejects as `teardown`, and when the proxy does not answer. */
  async proxyView(node: string, ask: ProxyViewAsk): Promise<Uint8Array> {
    return this.#connectionTo(node).proxyView(ask);
  }

  /** What the node's proxies have sent to these services since its agent's start. Rejects as `teardown`. */
  async calls(node: string, services: readonly string[]): Promise<readonly ClusterCalls[]> {
    return this.#connectionTo(node).calls(services);
  }

  /** Takes back what nobody uses any more, and puts right what of pods' links is not. Rejects as `teardown`. */
  async repair(node: string, leases: readonly DeadLease[]): Promise<NodeRepairs> {
    return this.#connectionTo(node).repair(leases);
  }

  /** Has the node lend a range, or say which it could. Rejects as `teardown`, and when `signal` aborts. */
  async lend(node: string, ask: LendAsk, signal: AbortSignal): Promise<LendAnswer> {
    return this.#connectionTo(node).lend(ask, signal);
  }

  /** Resolves when every connection has ended. */
  async close(): Promise<void> {
    for (const [node, connection] of this.#connections) this.#hangUp(node, connection);
    await Promise.all(this.#closing);
  }

  #connectionTo(node: string): NodeConnection {
    const connection = this.#connections.get(node);
    if (connection === undefined) throw new Error(`there is no node ${node}`);
    return connection;
  }

  #hangUp(node: string, connection: NodeConnection): void {
    this.#connections.delete(node);
    const closing: Promise<void> = connection.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  /** The addresses of a node that is gone belong to nobody. */
  #forget(node: string): void {
    const changes = this.#leases.get(node)?.clear() ?? new Map<string, undefined>();
    this.#leases.delete(node);
    if (changes.size > 0) this.#options.reports.leases(node, changes);
  }
}
