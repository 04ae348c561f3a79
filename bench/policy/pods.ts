import path from 'node:path';
import type { Pod } from '../../src/api/kubernetes.ts';
import type { NetnsLab } from '../../test/dataplane/netns-lab.ts';
import type { TimedExec } from '../cni/timed-exec.ts';
import type { WeftNode } from '../cni/weft-node.ts';

/** Connects pods to a node by ADD; their network namespaces. @throws when one gets another address than it should. */
export async function attachPods(
  { lab, timer }: { readonly lab: NetnsLab; readonly timer: TimedExec },
  node: WeftNode,
  pods: readonly Pod[],
): Promise<readonly string[]> {
  const prefix = path.basename(node.netnsPath);
  const namespaces = pods.map((_, index) => lab.add(`${prefix.slice(prefix.lastIndexOf('-') + 1)}-${index}`));
  const jobs = pods.map(({ metadata: { uid = '', namespace = '', name } }, index) =>
    node.job('ADD', { uid, namespace, name }, namespaces[index] ?? ''),
  );
  // One after the other: addresses are leased in order, so that they are those of the world.
  await timer.run(node.netnsPath, jobs, 1);
  for (const [index, { metadata, status }] of pods.entries()) {
    const has = lab.ip(namespaces[index] ?? '', 'address', 'show', 'eth0');
    if (!has.includes(`inet ${status?.podIP}/32`)) throw new Error(`${metadata.name} is not ${status?.podIP}: ${has}`);
  }
  return namespaces;
}
