import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { run } from '../../lab/setup/shell.ts';
import type { NetnsLab } from '../../test/dataplane/netns-lab.ts';
import type { TimedExec } from '../cni/timed-exec.ts';
import type { WeftNode } from '../cni/weft-node.ts';

/** The node's table as the kernel holds it, without counters. */
export async function listTable(node: WeftNode): Promise<string> {
  const nft = ['nft', '--stateless', 'list', 'table', 'inet', 'weft'];
  return (await run('nsenter', [`--net=${node.netnsPath}`, ...nft])).stdout;
}

/**
 * What an agent without memory would do: a spawned `nft -f` replaces the node's whole table as it is now, in one
 * transaction. In a namespace of its own, where no agent repairs it. The returned function runs it and says the ms.
 */
export async function prepareReload(
  { lab, timer, folder }: { readonly lab: NetnsLab; readonly timer: TimedExec; readonly folder: string },
  node: WeftNode,
): Promise<() => Promise<number>> {
  const program = path.join(folder, 'reload.nft');
  const replace = 'add table inet weft\ndelete table inet weft\n';
  writeFileSync(program, `#!/usr/sbin/nft -f\n${replace}${await listTable(node)}`);
  chmodSync(program, 0o755);
  const netnsPath = lab.add('reload');
  return async () => (await timer.run(netnsPath, [{ program, input: '', variables: {} }], 1)).wholeMs;
}
