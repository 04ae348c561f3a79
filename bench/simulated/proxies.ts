import type { NodeUpdate } from '../../src/model/node/desired-update.ts';
import type { AgentServer } from '../../src/stream/agent-server.ts';

type Told = Pick<NodeUpdate['upserts'][number], 'kind' | 'key' | 'version'>;

/** Kinds that a proxy is told of. */
const TOLD: ReadonlySet<string> = new Set(['service', 'endpoints']);
/** As long as an agent collects what its proxies say. */
const REPORT_AFTER_MS = 5;

/** The proxies of a simulated node: they accept whatever comes, and the agent says so as the real one does. */
export class SimulatedProxies {
  readonly #pods: readonly string[];
  readonly #server: () => AgentServer;
  #told: Told[] = [];

  /** @param pods uids of those that have a proxy. */
  constructor(pods: readonly string[], server: () => AgentServer) {
    this.#pods = pods;
    this.#server = server;
  }

  take({ upserts }: NodeUpdate): void {
    const told = upserts.filter(({ kind }) => TOLD.has(kind));
    if (told.length === 0 || this.#pods.length === 0) return;
    if (this.#told.length === 0) setTimeout(() => this.#report(), REPORT_AFTER_MS);
    this.#told.push(...told);
  }

  #report(): void {
    const [podUid = '', ...also] = this.#pods;
    const resources = this.#told.map(({ kind, key, version }) => ({ kind, key, version, accepted: true, message: '' }));
    this.#told = [];
    this.#server().reportProxy({ podUid, also, gone: false, resources });
  }
}
