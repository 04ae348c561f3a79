import type { EncodedResource } from './encoded.ts';
import type { Source } from './snapshot.ts';

/** What of an offer to proxies is another than before, with what was there. The first word on each counts. */
export class Changes {
  /** By type URL, then by name. */
  readonly resources = new Map<string, Map<string, EncodedResource | undefined>>();
  /** By `sourceId`. */
  readonly sources = new Map<string, Source | undefined>();

  resource(typeUrl: string, name: string, before: EncodedResource | undefined): void {
    const byName = this.resources.get(typeUrl) ?? new Map<string, EncodedResource | undefined>();
    this.resources.set(typeUrl, byName);
    if (!byName.has(name)) byName.set(name, before);
  }

  source(id: string, before: Source | undefined): void {
    if (!this.sources.has(id)) this.sources.set(id, before);
  }

  get isEmpty(): boolean {
    return this.resources.size + this.sources.size === 0;
  }
}
