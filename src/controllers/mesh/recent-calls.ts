import type { TrafficSplit } from '../../api/generated/trafficsplit.ts';
import type { StoreReader } from '../../kube/store.ts';
import { sleep } from '../../lib/clock.ts';
import { parseClusterKey } from '../../model/mesh/backends.ts';
import type { ClusterCalls } from '../../model/mesh/cluster-calls.ts';
import { backendsOf } from '../../model/mesh/measured-shares.ts';
import { askNodes, type NodesDeps } from '../ipam/ask-nodes.ts';
import type { MeshIndex } from '../../model/mesh/mesh-index.ts';

export interface RecentCallsDeps extends NodesDeps {
  readonly trafficSplits: StoreReader<TrafficSplit>;
  readonly index: MeshIndex;
  /** Their names. */
  readonly nodesWithProxy: () => readonly string[];
  /** Rejects when the node cannot be asked. */
  readonly callsTo: (node: string, services: readonly string[]) => Promise<readonly ClusterCalls[]>;
}

const LOOK_EVERY_MS = 15_000;
/** Two minutes. */
const LOOKS = 8;

/** What proxies have lately sent to the backends of TrafficSplits, asked of all nodes again and again. */
export class RecentCalls {
  readonly #deps: RecentCallsDeps;
  /** Node → cluster → calls since its agent's start. */
  #sums = new Map<string, ReadonlyMap<string, number>>();
  /** By cluster, what came with each look; the newest first. */
  #looks: ReadonlyMap<string, number>[] = [];

  constructor(deps: RecentCallsDeps) {
    this.#deps = deps;
  }

  readonly of = (cluster: string): number => this.#looks.reduce((sum, look) => sum + (look.get(cluster) ?? 0), 0);

  /** @param onLooked called after each look. */
  async run(onLooked: () => void, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.look();
      onLooked();
      await sleep(this.#deps.clock, LOOK_EVERY_MS, signal);
    }
  }

  /** A node that cannot be asked, or is asked for the first time, adds nothing. */
  async look(): Promise<void> {
    const { nodesWithProxy, callsTo } = this.#deps;
    const services = this.#services();
    const news = new Map<string, number>();
    const sums = new Map<string, ReadonlyMap<string, number>>();
    const asked = services.length === 0 ? [] : nodesWithProxy();
    const answers = await askNodes(this.#deps, (node) => callsTo(node, services), asked);
    for (const [node, answer] of answers) {
      const before = this.#sums.get(node);
      const isAnswered = typeof answer !== 'string';
      const now = new Map(isAnswered ? answer.map(({ cluster, calls }) => [cluster, calls]) : before);
      if (isAnswered || before !== undefined) sums.set(node, now);
      if (before === undefined) continue;
      for (const [cluster, calls] of now) {
        const more = calls - (before.get(cluster) ?? 0);
        // Less than before: the agent has begun anew.
        news.set(cluster, (news.get(cluster) ?? 0) + (more < 0 ? calls : more));
      }
    }
    this.#sums = sums;
    this.#looks = [news, ...this.#looks].slice(0, LOOKS);
  }

  #services(): readonly string[] {
    const { trafficSplits, index } = this.#deps;
    const clusters = trafficSplits.list().flatMap((split) => backendsOf(index, split).map(({ cluster }) => cluster));
    return [...new Set(clusters.flatMap((cluster) => parseClusterKey(cluster)?.service ?? []))].sort();
  }
}
