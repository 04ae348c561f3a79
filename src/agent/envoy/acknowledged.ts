import type { Changes } from './changes.ts';
import type { Origin, ProxySnapshot, Source } from './snapshot.ts';

/** What a proxy says of one IR resource. */
export interface ResourceReport extends Origin {
  readonly accepted: boolean;
  /** The proxy's reason for a rejection; empty otherwise. */
  readonly message: string;
}

interface Rejection {
  readonly version: string;
  readonly message: string;
}

/**
 * Puts a proxy's answers about Envoy's resources together to answers about the IR's. Each answer is given once. Kept is
 * only what the proxy has not accepted as it is offered, and what that leaves unanswered.
 */
export class Acknowledged {
  #offered: ProxySnapshot | undefined;
  /** By type URL and name: the version last accepted, where that is not the one on offer. */
  readonly #differing = new Map<string, Map<string, string | undefined>>();
  readonly #rejected = new Map<string, Rejection>();
  /** By `sourceId`: what was answered last, where that is not that the version on offer is accepted. */
  readonly #open = new Map<string, string>();
  #hasAnswered = false;

  /** What the proxy is offered from now on, which is the same object always: what did not change is accepted already. */
  offer(offered: ProxySnapshot, changes: Changes): readonly ResourceReport[] {
    this.#offered = offered;
    for (const [typeUrl, byName] of changes.resources) {
      const differing = this.#ofType(typeUrl);
      for (const [name, before] of byName) {
        this.#settle(typeUrl, name, differing.has(name) ? differing.get(name) : before?.version);
      }
    }
    for (const [id, before] of changes.sources) {
      if (offered.sources.get(id) === undefined) this.#open.delete(id);
      else this.#reopen(id, before);
    }
    return this.#news();
  }

  accept(typeUrl: string, versions: ReadonlyMap<string, string>): readonly ResourceReport[] {
    this.#hasAnswered = true;
    for (const [name, version] of versions) {
      this.#settle(typeUrl, name, version);
      this.#rejected.delete(idOf(typeUrl, name));
    }
    return this.#news();
  }

  reject(typeUrl: string, name: string, version: string, message: string): readonly ResourceReport[] {
    this.#hasAnswered = true;
    this.#rejected.set(idOf(typeUrl, name), { version, message });
    // Rare: all are looked at.
    for (const id of this.#offered?.sources.keys() ?? []) {
      const source = this.#offered?.sources.get(id);
      const isPart = source?.encoded.some((part) => part.typeUrl === typeUrl && part.name === name) === true;
      if (isPart) this.#reopen(id, source);
    }
    return this.#news();
  }

  #ofType(typeUrl: string): Map<string, string | undefined> {
    const differing = this.#differing.get(typeUrl) ?? new Map<string, string | undefined>();
    this.#differing.set(typeUrl, differing);
    return differing;
  }

  #settle(typeUrl: string, name: string, accepted: string | undefined): void {
    const isAsOffered = this.#offered?.resources.get(typeUrl)?.get(name)?.version === accepted;
    if (isAsOffered) this.#ofType(typeUrl).delete(name);
    else this.#ofType(typeUrl).set(name, accepted);
  }

  /** @param answered whose acceptance was answered last, if nothing is kept of that. */
  #reopen(id: string, answered: Source | undefined): void {
    if (this.#open.has(id)) return;
    this.#open.set(id, answered === undefined ? '' : JSON.stringify(acceptedReport(answered)));
  }

  #news(): ResourceReport[] {
    if (!this.#hasAnswered) return [];
    return [...this.#open].flatMap(([id, last]) => {
      const source = this.#offered?.sources.get(id);
      const report = source === undefined ? undefined : this.#reportOf(source);
      if (report === undefined) return [];
      const text = JSON.stringify(report);
      if (report.accepted) this.#open.delete(id);
      else this.#open.set(id, text);
      return text === last ? [] : [report];
    });
  }

  /** Undefined while an answer is missing. */
  #reportOf(source: Source): ResourceReport | undefined {
    for (const { typeUrl, name, version } of this.#rejected.size === 0 ? [] : source.encoded) {
      const rejected = this.#rejected.get(idOf(typeUrl, name));
      if (rejected?.version === version) return { ...source.origin, accepted: false, message: rejected.message };
    }
    const isComplete = source.encoded.every(({ typeUrl, name }) => this.#differing.get(typeUrl)?.has(name) !== true);
    return isComplete ? acceptedReport(source) : undefined;
  }
}

function acceptedReport({ origin }: Source): ResourceReport {
  return { ...origin, accepted: true, message: '' };
}

/** Neither contains a space. */
function idOf(typeUrl: string, name: string): string {
  return `${typeUrl} ${name}`;
}
