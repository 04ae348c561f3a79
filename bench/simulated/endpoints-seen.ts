import type { NodeUpdate } from '../../src/model/node/desired-update.ts';
import { wallMs } from '../wall-clock.ts';

/** A change of an `endpoints` resource that is about to be made. */
export interface ExpectedEndpoints {
  readonly key: string;
  /** How many endpoints it leaves. */
  readonly endpoints: number;
}

/** What the agents of one process saw of it; milliseconds since the epoch. */
export interface EndpointsSeen extends ExpectedEndpoints {
  /** Nodes that have it. */
  readonly nodes: number;
  readonly firstMs?: number;
  readonly lastMs?: number;
}

/** Follows one change of endpoints through the updates of many nodes. */
export class NewEndpoints {
  readonly #expected: ExpectedEndpoints;
  readonly #nodes = new Set<string>();
  #firstMs: number | undefined;
  #lastMs: number | undefined;

  constructor(expected: ExpectedEndpoints) {
    this.#expected = expected;
  }

  take(node: string, { upserts }: NodeUpdate): void {
    for (const { kind, key, body } of upserts) {
      if (kind !== 'endpoints' || key !== this.#expected.key) continue;
      if (body.endpoints.length !== this.#expected.endpoints || this.#nodes.has(node)) continue;
      this.#nodes.add(node);
      this.#lastMs = wallMs();
      this.#firstMs ??= this.#lastMs;
    }
  }

  seen(): EndpointsSeen {
    return {
      ...this.#expected,
      nodes: this.#nodes.size,
      ...(this.#firstMs === undefined ? {} : { firstMs: this.#firstMs }),
      ...(this.#lastMs === undefined ? {} : { lastMs: this.#lastMs }),
    };
  }
}
