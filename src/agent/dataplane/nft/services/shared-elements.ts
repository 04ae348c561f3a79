import { isDeepStrictEqual } from 'node:util';
import type { ServiceElement } from './messages.ts';
import { elementId } from './service-program.ts';

/**
 * Elements of the table's fixed sets and maps, and which services want them. When several want one, as two services
 * with the same external IP and port do, it is as the first by name wants it.
 */
export class SharedElements {
  readonly #wanted = new Map<string, Map<string, ServiceElement>>();
  /** As they were when `changes` was asked last. */
  readonly #before = new Map<string, ServiceElement | undefined>();

  replace(service: string, before: readonly ServiceElement[], after: readonly ServiceElement[]): void {
    const kept = new Set(after.map(elementId));
    for (const element of before) {
      const id = elementId(element);
      if (kept.has(id)) continue;
      this.#touch(id);
      const owners = this.#wanted.get(id);
      owners?.delete(service);
      if (owners?.size === 0) this.#wanted.delete(id);
    }
    for (const element of after) {
      const id = elementId(element);
      this.#touch(id);
      const owners = this.#wanted.get(id) ?? new Map<string, ServiceElement>();
      this.#wanted.set(id, owners.set(service, element));
    }
  }

  /** Since the last time: what the kernel holds and should not, and what it should. One may be in both. */
  changes(): { readonly remove: ServiceElement[]; readonly add: ServiceElement[] } {
    const [remove, add]: [ServiceElement[], ServiceElement[]] = [[], []];
    for (const [id, before] of this.#before) {
      const after = this.#effective(id);
      if (before !== undefined && after !== undefined && isDeepStrictEqual(before.value, after.value)) continue;
      if (before !== undefined) remove.push(before);
      if (after !== undefined) add.push(after);
    }
    this.#before.clear();
    return { remove, add };
  }

  #touch(id: string): void {
    if (!this.#before.has(id)) this.#before.set(id, this.#effective(id));
  }

  #effective(id: string): ServiceElement | undefined {
    const owners = this.#wanted.get(id);
    if (owners === undefined) return undefined;
    const [first] = owners.size === 1 ? owners.keys() : [...owners.keys()].sort();
    return owners.get(first ?? '');
  }
}
