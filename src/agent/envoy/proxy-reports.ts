import type { Clock } from '../../lib/clock.ts';
import type { ResourceReport } from './acknowledged.ts';
import type { ProxyReport } from './proxies-ports.ts';

/** All proxies of a node are told of a change at once, and answer within this, mostly the same. */
const COLLECT_MS = 5;

/** Collects what proxies say for a moment, so that those who say the same say it in one report. */
export class ProxyReports {
  readonly #send: (report: ProxyReport) => void;
  readonly #clock: Clock;
  /** By pod. */
  #waiting = new Map<string, ResourceReport[]>();

  constructor(send: (report: ProxyReport) => void, clock: Clock) {
    this.#send = send;
    this.#clock = clock;
  }

  add(podUid: string, resources: readonly ResourceReport[]): void {
    if (resources.length === 0) return;
    if (this.#waiting.size === 0) this.#clock.after(COLLECT_MS, () => this.#flush());
    const waiting = this.#waiting.get(podUid) ?? [];
    this.#waiting.set(podUid, waiting);
    waiting.push(...resources);
  }

  /** The pod has no proxy any more: nothing is said of it later. */
  gone(podUid: string): void {
    this.#waiting.delete(podUid);
    this.#send({ podUid, gone: true, resources: [] });
  }

  #flush(): void {
    const waiting = this.#waiting;
    this.#waiting = new Map();
    for (const [[podUid, resources], ...others] of groups(waiting)) {
      this.#send({ podUid, also: others.map(([uid]) => uid), gone: false, resources });
    }
  }
}

type Words = readonly [podUid: string, resources: readonly ResourceReport[]];

/** Of those who say the same. */
function groups(waiting: ReadonlyMap<string, readonly ResourceReport[]>): Iterable<[Words, ...Words[]]> {
  const byText = new Map<string, [Words, ...Words[]]>();
  for (const words of waiting) {
    const text = JSON.stringify(words[1]);
    const group = byText.get(text);
    if (group === undefined) byText.set(text, [words]);
    else group.push(words);
  }
  return byText.values();
}
