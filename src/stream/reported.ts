import type { NodeReportIr } from '../model/node/report.ts';
import type { LeaseIr } from './agent-ports.ts';
import { encodeNodeReport } from './node-report.ts';
import type { ProxyReportIr } from './operator-ports.ts';
import { ReportedProxies } from './reported-proxies.ts';
import type { AgentPayload } from './wire.ts';

/** What this node has reported so far: told again from the beginning to a replica that connects. */
export class Reported {
  #leases: Map<string, readonly string[]> | undefined;
  #node: Uint8Array | undefined;
  readonly #proxies = new ReportedProxies();

  /** Takes in all leases of the node, and returns what to tell; undefined when nothing changed. */
  setLeases(leases: readonly LeaseIr[]): AgentPayload | undefined {
    const old = this.#leases;
    const now = new Map(leases.map(({ podUid, addresses }) => [podUid, addresses]));
    this.#leases = now;
    if (old === undefined) return allLeases(now);
    const isNew = ([uid, ips]: readonly [string, readonly string[]]) => old.get(uid)?.join() !== ips.join();
    const up = [...now].filter(isNew).map(([uid, ips]) => ({ uid, ips: [...ips], up: true }));
    const down = [...old].filter(([uid]) => !now.has(uid)).map(([uid, ips]) => ({ uid, ips: [...ips], up: false }));
    if (up.length + down.length === 0) return undefined;
    return { case: 'leases', value: { complete: false, pods: [...down, ...up] } };
  }

  /** Undefined when it says what the last one said. */
  setNode(report: NodeReportIr): AgentPayload | undefined {
    const body = encodeNodeReport(report);
    if (this.#node !== undefined && Buffer.compare(body, this.#node) === 0) return undefined;
    this.#node = body;
    return { case: 'nodeReport', value: { body } };
  }

  setProxy(report: ProxyReportIr): AgentPayload {
    this.#proxies.take(report);
    return proxyPayload(report);
  }

  /** Leases only once they are known: an empty list would say that there are none. */
  everything(): AgentPayload[] {
    const proxies = this.#proxies.everything().map(proxyPayload);
    const leases = this.#leases === undefined ? [] : [allLeases(this.#leases)];
    const node: AgentPayload[] = this.#node === undefined ? [] : [{ case: 'nodeReport', value: { body: this.#node } }];
    return [...leases, ...proxies, ...node];
  }
}

function allLeases(leases: ReadonlyMap<string, readonly string[]>): AgentPayload {
  const pods = [...leases].map(([uid, ips]) => ({ uid, ips: [...ips], up: true }));
  return { case: 'leases', value: { complete: true, pods } };
}

function proxyPayload({ podUid, also = [], gone, resources }: ProxyReportIr): AgentPayload {
  const plain = resources.map(({ kind, key, version, accepted, message }) => {
    return { kind, key, version, accepted, message };
  });
  return { case: 'proxyReport', value: { podUid, also: [...also], gone, resources: plain } };
}
