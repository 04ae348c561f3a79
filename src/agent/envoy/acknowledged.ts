import type { Origin, ProxySnapshot } from './snapshot.ts';

/** What a proxy says of one IR resource. */
export interface ResourceReport extends Origin {
  readonly accepted: boolean;
  /** The proxy's reason for a rejection; empty otherwise. */
  readonly message: string;
}

interface Ref {
  readonly origin: Origin;
  readonly parts: readonly { readonly id: string; readonly version: string }[];
}

/** Puts a proxy's answers about Envoy's resources together to answers about the IR's. Each answer is given once. */
export class Acknowledged {
  readonly #accepted = new Map<string, string>();
  readonly #rejected = new Map<string, { readonly version: string; readonly message: string }>();
  readonly #reported = new Map<string, string>();
  #refs: readonly Ref[] = [];
  readonly #refsByPart = new Map<string, Ref[]>();
  #hasAnswered = false;

  /** What the proxy is offered from now on: what did not change for it is accepted already. */
  offer({ sources }: ProxySnapshot): readonly ResourceReport[] {
    this.#refs = sources.map(({ origin, encoded }) => ({
      origin,
      parts: encoded.map(({ typeUrl, name, version }) => ({ id: idOf(typeUrl, name), version })),
    }));
    this.#refsByPart.clear();
    for (const ref of this.#refs) {
      for (const { id } of ref.parts) {
        const refs = this.#refsByPart.get(id);
        if (refs === undefined) this.#refsByPart.set(id, [ref]);
        else refs.push(ref);
      }
    }
    const keys = new Set(this.#refs.map(({ origin }) => keyOf(origin)));
    for (const key of this.#reported.keys()) if (!keys.has(key)) this.#reported.delete(key);
    return this.#reportsOf(this.#refs);
  }

  accept(typeUrl: string, versions: ReadonlyMap<string, string>): readonly ResourceReport[] {
    const ids = [...versions].map(([name, version]) => {
      const id = idOf(typeUrl, name);
      this.#accepted.set(id, version);
      this.#rejected.delete(id);
      return id;
    });
    const isFirst = !this.#hasAnswered;
    this.#hasAnswered = true;
    return this.#reportsOf(isFirst ? this.#refs : ids.flatMap((id) => this.#refsByPart.get(id) ?? []));
  }

  reject(typeUrl: string, name: string, version: string, message: string): readonly ResourceReport[] {
    const id = idOf(typeUrl, name);
    this.#hasAnswered = true;
    this.#rejected.set(id, { version, message });
    return this.#reportsOf(this.#refsByPart.get(id) ?? []);
  }

  #reportsOf(refs: readonly Ref[]): ResourceReport[] {
    if (!this.#hasAnswered) return [];
    return [...new Set(refs)].flatMap((ref) => {
      const report = this.#reportOf(ref);
      if (report === undefined) return [];
      const text = JSON.stringify(report);
      if (this.#reported.get(keyOf(ref.origin)) === text) return [];
      this.#reported.set(keyOf(ref.origin), text);
      return [report];
    });
  }

  /** Undefined while an answer is missing. */
  #reportOf({ origin, parts }: Ref): ResourceReport | undefined {
    for (const { id, version } of parts) {
      const rejected = this.#rejected.get(id);
      if (rejected?.version === version) return { ...origin, accepted: false, message: rejected.message };
    }
    const isComplete = parts.every(({ id, version }) => this.#accepted.get(id) === version);
    return isComplete ? { ...origin, accepted: true, message: '' } : undefined;
  }
}

/** Neither contains a space. */
function idOf(typeUrl: string, name: string): string {
  return `${typeUrl} ${name}`;
}

function keyOf({ kind, key }: Origin): string {
  return `${kind} ${key}`;
}
