import type { PodMeshIr } from '../../model/node/ir.ts';
import { httpInboundOf } from '../../model/mesh/http-ports.ts';
import { isJudged, type JudgedPod } from './authorization.ts';
import { encodeInboundRoutes } from './inbound.ts';
import type { Versioned } from './snapshot.ts';

/** Older forms than so many are forgotten: a proxy that still has one counts as judging nothing until it has a newer. */
const MOST_FORMS = 100;

/**
 * On which ports one proxy judges requests by now, as it has acknowledged: the kernel lets nobody in for the sake of a
 * rule about requests before.
 */
export class Judging {
  /** `name version` of route tables that judge. */
  readonly #forms = new Set<string>();
  readonly #ports: Set<number>;
  #from = '';

  /** @param assumed ports that are taken for judged until the proxy says otherwise: it was there before this agent. */
  constructor(assumed: readonly number[]) {
    this.#ports = new Set(assumed);
  }

  /** Ascending. */
  get ports(): readonly number[] {
    return [...this.#ports].sort((a, b) => a - b);
  }

  /** Call with what the proxy is to be told, before it can answer. */
  expect({ version: at, body: mesh }: Versioned<PodMeshIr>, judged: Versioned<JudgedPod> | undefined): void {
    const from = `${at} ${judged?.version}`;
    if (judged === undefined || from === this.#from) return;
    this.#from = from;
    for (const inbound of httpInboundOf(mesh)) {
      if (!isJudged(judged.body.chain, inbound.port)) continue;
      const { name, version } = encodeInboundRoutes(inbound, judged.body);
      this.#forms.add(`${name} ${version}`);
    }
    for (const form of this.#forms) if (this.#forms.size > MOST_FORMS) this.#forms.delete(form);
  }

  /** What the proxy has now, by name; of all types. Whether `ports` are others than before. */
  accept(versions: ReadonlyMap<string, string>): boolean {
    const before = this.ports.join();
    for (const [name, version] of versions) {
      const [, port] = /^inbound-(\d+)$/.exec(name) ?? [];
      if (port === undefined) continue;
      if (this.#forms.has(`${name} ${version}`)) this.#ports.add(Number(port));
      else this.#ports.delete(Number(port));
    }
    return this.ports.join() !== before;
  }
}
