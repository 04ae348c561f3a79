import { NumberSet } from '../../lib/number-set.ts';
import { Numbering } from '../../lib/numbering.ts';

/** What one proxy has said of one resource: the version it has, or the one that it refused. */
interface ProxyWord {
  acknowledged?: string;
  rejected?: { readonly version: string; readonly message: string };
}

/** What all proxies have said of one resource. */
interface Words {
  /** Version → the proxies that have it. */
  readonly acknowledged: Map<string, NumberSet>;
  readonly rejected: Map<number, { readonly version: string; readonly message: string }>;
}

/** Nodes, and a few more. */
const MOST_GROUPS = 5_000;

/**
 * What proxies have acknowledged, by pod: the truth behind `Programmed` of the mesh's kinds. It is kept by resource and
 * version, for nearly all proxies have the same: a bit for each proxy and resource.
 */
export class ProxyStates {
  readonly #pods = new Numbering();
  readonly #words = new Map<string, Words>();
  /** Numbers of pods that were named together: a node names the same ones at each change. */
  readonly #groups = new Map<string, readonly number[]>();

  report(report: {
    readonly podUid: string;
    /** Other pods whose proxies say the same. */
    readonly also?: readonly string[];
    readonly gone: boolean;
    readonly resources: readonly {
      readonly kind: string;
      readonly key: string;
      readonly version: string;
      readonly accepted: boolean;
      readonly message: string;
    }[];
  }): void {
    if (report.gone) {
      this.#forget(report.podUid);
      return;
    }
    const pods = this.#group([report.podUid, ...(report.also ?? [])]);
    for (const { kind, key, version, accepted, message } of report.resources) {
      const words = this.#wordsOf(`${kind}/${key}`);
      for (const pod of pods) {
        if (accepted) accept(words, pod, version);
        else words.rejected.set(pod, { version, message });
      }
    }
  }

  /** Of the resource, by the proxy of a pod. */
  word(podUid: string, kind: string, key: string): Readonly<ProxyWord> {
    const pod = this.#pods.find(podUid);
    const words = this.#words.get(`${kind}/${key}`);
    if (pod === undefined || words === undefined) return {};
    const rejected = words.rejected.get(pod);
    const word: ProxyWord = rejected === undefined ? {} : { rejected };
    for (const [version, having] of words.acknowledged) if (having.has(pod)) word.acknowledged = version;
    return word;
  }

  #group(uids: readonly string[]): readonly number[] {
    const name = uids.join();
    const known = this.#groups.get(name);
    if (known !== undefined) return known;
    if (this.#groups.size >= MOST_GROUPS) this.#groups.clear();
    const numbers = uids.map((uid) => this.#pods.of(uid));
    this.#groups.set(name, numbers);
    return numbers;
  }

  #wordsOf(id: string): Words {
    const words = this.#words.get(id) ?? { acknowledged: new Map(), rejected: new Map() };
    this.#words.set(id, words);
    return words;
  }

  #forget(podUid: string): void {
    const pod = this.#pods.find(podUid);
    if (pod === undefined) return;
    for (const [id, words] of this.#words) {
      words.rejected.delete(pod);
      leave(words, pod, undefined);
      if (words.acknowledged.size + words.rejected.size === 0) this.#words.delete(id);
    }
    this.#pods.release(podUid);
    this.#groups.clear();
  }
}

function accept(words: Words, pod: number, version: string): void {
  words.rejected.delete(pod);
  leave(words, pod, version);
  const having = words.acknowledged.get(version) ?? new NumberSet();
  having.add(pod);
  words.acknowledged.set(version, having);
}

/** Takes the proxy from all versions but `kept`. */
function leave({ acknowledged }: Words, pod: number, kept: string | undefined): void {
  for (const [version, having] of acknowledged) {
    if (version === kept) continue;
    having.delete(pod);
    if (having.size === 0) acknowledged.delete(version);
  }
}
