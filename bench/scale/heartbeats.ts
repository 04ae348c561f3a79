import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeClient } from '../../src/kube/client.ts';
import { KINDS, objectPath } from '../../src/kube/kinds.ts';
import { nodeName } from '../simulated/world.ts';

/** How often a kubelet writes a status that did not change. */
const EVERY_MS = 300_000;

/** Writes nodes' statuses as their kubelets do, evenly, for so long; how many. */
export async function writeHeartbeats(api: KubeClient, nodes: number, forMs: number): Promise<number> {
  const count = Math.round((nodes * forMs) / EVERY_MS);
  const startedMs = performance.now();
  for (let index = 0; index < count; index += 1) {
    const now = new Date().toISOString().replace(/\.\d+/, '');
    const conditions = ['MemoryPressure', 'DiskPressure', 'PIDPressure', 'Ready'].map((type) => {
      return { type, lastHeartbeatTime: now };
    });
    await api.request('PATCH', objectPath(KINDS.node, { name: nodeName(index % nodes) }, 'status'), {
      contentType: 'application/strategic-merge-patch+json',
      body: { status: { conditions } },
    });
    await sleep(Math.max(0, ((index + 1) * forMs) / count - (performance.now() - startedMs)));
  }
  return count;
}
