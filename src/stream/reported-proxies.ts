import { NumberSet } from '../lib/number-set.ts';
import { Numbering } from '../lib/numbering.ts';
import type { ProxyReportIr, ProxyResourceIr } from './operator-ports.ts';

/** Something that proxies say, and who says it. */
interface Said {
  readonly resource: ProxyResourceIr;
  readonly by: NumberSet;
}

/** What the node's proxies say of resources; kept once where they say the same, as nearly all do. */
export class ReportedProxies {
  readonly #pods = new Numbering();
  /** By kind and key. */
  readonly #said = new Map<string, Said[]>();

  take({ podUid, also = [], gone, resources }: ProxyReportIr): void {
    if (gone) {
      this.#forget(podUid);
      return;
    }
    const pods = [podUid, ...also].map((uid) => this.#pods.of(uid));
    for (const resource of resources) {
      const id = `${resource.kind}/${resource.key}`;
      const all = this.#said.get(id) ?? [];
      let said = all.find((each) => isSame(each.resource, resource));
      if (said === undefined) all.push((said = { resource, by: new NumberSet() }));
      for (const pod of pods) {
        for (const { by } of all) by.delete(pod);
        said.by.add(pod);
      }
      this.#keep(id, all);
    }
  }

  /** All of it, for somebody who knows nothing: one report for those who say the same throughout. */
  everything(): ProxyReportIr[] {
    const all = [...this.#said.values()].flat();
    const byWords = Map.groupBy(this.#pods, ([, pod]) =>
      all.flatMap(({ by }, index) => (by.has(pod) ? [index] : [])).join(),
    );
    return [...byWords.values()].flatMap(([first, ...others]) => {
      if (first === undefined) return [];
      const [podUid, pod] = first;
      const resources = all.flatMap(({ resource, by }) => (by.has(pod) ? [resource] : []));
      return [{ podUid, also: others.map(([uid]) => uid), gone: false, resources }];
    });
  }

  #forget(podUid: string): void {
    const pod = this.#pods.find(podUid);
    if (pod === undefined) return;
    for (const [id, all] of this.#said) {
      for (const { by } of all) by.delete(pod);
      this.#keep(id, all);
    }
    this.#pods.release(podUid);
  }

  #keep(id: string, all: readonly Said[]): void {
    const left = all.filter(({ by }) => by.size > 0);
    if (left.length === 0) this.#said.delete(id);
    else this.#said.set(id, left);
  }
}

function isSame(one: ProxyResourceIr, other: ProxyResourceIr): boolean {
  return one.version === other.version && one.accepted === other.accepted && one.message === other.message;
}
