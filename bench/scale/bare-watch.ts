import { type ChildProcess, fork } from 'node:child_process';
import path from 'node:path';
import { type ClusterConfig, kubeconfigOf } from '../../lab/cluster/config.ts';
import type { WatchEvent } from './watch-host.ts';

/** The process that watches objects of a kind and does nothing with them. */
export class BareWatch {
  readonly #child: ChildProcess;
  readonly #firstMs = new Map<string, number>();

  constructor(config: ClusterConfig, kind: 'pod' | 'endpointSlice') {
    this.#child = fork(path.join(import.meta.dirname, 'watch-host.ts'), [kubeconfigOf(config), kind]);
    this.#child.on('message', ({ name, resourceVersion, atMs }: WatchEvent) => {
      for (const what of [name, `${name} ${resourceVersion}`]) {
        if (!this.#firstMs.has(what)) this.#firstMs.set(what, atMs);
      }
    });
  }

  /** The first event of that name, or of exactly that `name resourceVersion`; undefined: none yet. */
  at(what: string): number | undefined {
    return this.#firstMs.get(what);
  }

  stop(): void {
    if (this.#child.connected) this.#child.disconnect();
  }
}
