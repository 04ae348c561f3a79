import type { NodeUpdate } from '../../src/model/node/desired-update.ts';
import { wallMs } from '../wall-clock.ts';

/** A pod that is about to be made, and the address that its node's agent shall give it. */
export interface ExpectedPod {
  readonly node: string;
  readonly namespace: string;
  readonly name: string;
  readonly address: string;
}

/** What the agents of one process saw of it; milliseconds since the epoch. */
export interface PodSeen {
  readonly name: string;
  /** Its node was told of it. */
  readonly toldMs?: number;
  /** The operator said that all know its address, as an ADD waits for. */
  readonly knownMs?: number;
  /** Nodes that have its address in a set, with when they got it. */
  readonly holders: readonly (readonly [node: string, atMs: number])[];
}

/** Follows one new pod through the updates of many nodes. */
export class NewPod {
  readonly expected: ExpectedPod;
  #toldMs: number | undefined;
  #knownMs: number | undefined;
  readonly #holders = new Map<string, number>();
  readonly #onTold: (uid: string) => void;

  /** @param onTold called once, when the pod's node is told of it. */
  constructor(expected: ExpectedPod, onTold: (uid: string) => void) {
    this.expected = expected;
    this.#onTold = onTold;
  }

  take(node: string, { upserts, setPatches }: NodeUpdate): void {
    const { address, name, namespace } = this.expected;
    for (const { kind, body } of upserts) {
      if (kind === 'addressSet' && body.members.includes(address)) this.#hold(node);
      if (kind !== 'pod' || node !== this.expected.node || this.#toldMs !== undefined) continue;
      if (body.name !== name || body.namespace !== namespace) continue;
      this.#toldMs = wallMs();
      this.#onTold(body.uid);
    }
    if (setPatches.some(({ add }) => add.includes(address))) this.#hold(node);
  }

  known(): void {
    this.#knownMs = wallMs();
  }

  seen(): PodSeen {
    return {
      name: this.expected.name,
      ...(this.#toldMs === undefined ? {} : { toldMs: this.#toldMs }),
      ...(this.#knownMs === undefined ? {} : { knownMs: this.#knownMs }),
      holders: [...this.#holders],
    };
  }

  /** A pod that several rules name is in several sets: the last counts. */
  #hold(node: string): void {
    this.#holders.set(node, wallMs());
  }
}
