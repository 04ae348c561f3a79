import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { ServiceTable } from '../../src/agent/dataplane/nft/services/service-table.ts';
import { NodeServices } from '../../src/agent/services.ts';
import { ResourceStore } from '../../src/agent/state/resources.ts';
import type { EndpointSlice, Service } from '../../src/api/kubernetes.ts';
import { RoutedServices } from '../../src/controllers/node-state/routed-services.ts';
import type { KubeApi } from '../../src/kube/client.ts';
import { KINDS } from '../../src/kube/kinds.ts';
import { Reflector } from '../../src/kube/reflector.ts';
import { Store } from '../../src/kube/store.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { DesiredTable } from '../../src/model/node/desired.ts';
import { encodeUpdate } from '../../src/stream/encode-update.ts';
import { UPDATE_LIMIT_BYTES } from '../../src/stream/plan-update.ts';
import { NodeSync } from '../../src/stream/node-sync.ts';
import { parseUpdate } from '../../src/stream/parse-update.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { updateOf } from '../update-of.ts';

const NODE = 'node-1';
/** As the operator: changes that come together are compiled together. */
const FLUSH_AFTER_MS = 2;

/**
 * Weft from the API server's watch to the kernel of one node: the operator's and the agent's code in this process, with
 * the bytes of the node stream between them.
 */
export async function startWeftSide(
  api: KubeApi,
  netnsPath: string,
  folder: string,
  signal: AbortSignal,
): Promise<{ readonly table: ServiceTable }> {
  mkdirSync(folder, { recursive: true });
  const log = createLogger({ level: 'error', format: 'text', clock: systemClock });
  const [services, endpointSlices] = [new Store<Service>(), new Store<EndpointSlice>()];
  const common = { api, clock: systemClock, log, random: Math.random };
  void new Reflector({ ...common, kind: KINDS.service, store: services }).run(signal);
  void new Reflector({ ...common, kind: KINDS.endpointSlice, store: endpointSlices }).run(signal);
  await Promise.all([services.synced, endpointSlices.synced]);

  const desired = new DesiredTable();
  desired.require('pool', 'none', { add: [NODE] });
  const resources = new ResourceStore(path.join(folder, 'resources.json'), systemClock);
  const table = new ServiceTable(netnsPath);
  const agent = new NodeServices({
    resources,
    mode: 'Always',
    rules: table,
    health: { serve: async () => [] },
    findOtherProxy: async () => false,
    logger: log,
  });
  await agent.start();
  const sync = new NodeSync(NODE, desired, []);
  sync.setPrimary(true, undefined);
  let isWaiting = false;
  let last = Promise.resolve();
  const flush = async () => {
    isWaiting = false;
    routed.flush();
    sync.mark(desired.takeDirty().get(NODE) ?? []);
    for (let update = sync.next(UPDATE_LIMIT_BYTES); update !== undefined; update = sync.next(UPDATE_LIMIT_BYTES)) {
      const parsed = parseUpdate(updateOf(encodeUpdate(update)), ({ kind, key }) => resources.versionOf(kind, key));
      const refused = await agent.apply(parsed.update);
      if (refused.size > 0) throw new Error(`the kernel refuses ${[...refused][0]}`);
      for (const { kind, key, version, body } of parsed.update.upserts) resources.set(kind, key, version, body);
      const { seq: ownSeq, upserts: applied, removals: removed } = update;
      sync.acknowledge({ ownSeq, applied, removed, failed: [] });
    }
  };
  const routed = new RoutedServices({ services, endpointSlices, table: desired }, () => {
    if (isWaiting) return;
    isWaiting = true;
    systemClock.after(FLUSH_AFTER_MS, () => {
      last = last.then(flush);
    });
  });
  await flush();
  return { table };
}
