import type { BGPPeer } from '../../api/generated/bgppeer.ts';
import { CONDITION, REASON } from '../../api/reasons.ts';
import type { StatusWriter } from '../../kube/apply.ts';
import { DONE, type Reconciler, runController } from '../../kube/controller.ts';
import { KINDS } from '../../kube/kinds.ts';
import type { StoreReader } from '../../kube/store.ts';
import { WorkQueue } from '../../kube/workqueue.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import type { NodeReportIr } from '../../model/node/report.ts';
import { conditionOfProblems } from '../../model/status/conditions.ts';
import { whenCompiled } from '../when-compiled.ts';
import type { BgpCompiler } from './compiler.ts';

export interface BgpPeerStatusDeps {
  readonly bgpPeers: StoreReader<BGPPeer>;
  readonly bgp: Pick<BgpCompiler, 'problemOf' | 'sessionsOf'>;
  readonly report: (node: string) => NodeReportIr | undefined;
  readonly isConnected: (node: string) => boolean;
  readonly isCompiled: () => boolean;
  readonly isSettled: () => boolean;
  readonly status: StatusWriter;
  readonly clock: Clock;
  readonly log: Logger;
  /** In [0, 1). */
  readonly random: () => number;
  /** Calls the listener when a node has come, gone or said something; returns how to stop. */
  readonly onNodeChanged: (listener: () => void) => () => void;
  /** The same when what nodes should hold has changed. */
  readonly onAcknowledged: (listener: () => void) => () => void;
}

const SETTLE_MS = 500;
const UNSETTLED_MS = 2_000;

/** Keeps the statuses of BGPPeers true while this replica leads; resolves when it has stopped. */
export async function runBgpPeerStatus(deps: BgpPeerStatusDeps, signal: AbortSignal): Promise<void> {
  const { bgpPeers, clock, log, random, isCompiled } = deps;
  const queue = new WorkQueue({ clock, random });
  const addAll = () => {
    for (const { metadata } of bgpPeers.list()) queue.addAfter(metadata.name, SETTLE_MS);
  };
  const unsubscribe = [bgpPeers.onChange(addAll), deps.onNodeChanged(addAll), deps.onAcknowledged(addAll)];
  addAll();
  try {
    const reconciler = whenCompiled(isCompiled, reconcilerOf(deps));
    await runController({ name: 'bgppeer', reconciler, queue, stores: [bgpPeers], clock, log }, signal);
  } finally {
    for (const end of unsubscribe) end();
  }
}

function reconcilerOf({ bgpPeers, bgp, report, isConnected, isSettled, status }: BgpPeerStatusDeps): Reconciler {
  const isEstablished = (node: string, address: string) => {
    const found = isConnected(node)
      ? report(node)?.bgp?.sessions.find((session) => session.address === address)
      : undefined;
    return found?.state === 'Established';
  };
  return {
    async reconcile(key, signal) {
      const peer = bgpPeers.get(key);
      if (peer === undefined) return DONE;
      // Who has not dialled back yet is not known to be down.
      if (!isSettled()) return { requeueAfterMs: UNSETTLED_MS };
      const sessions = bgp.sessionsOf(key);
      const problem = bgp.problemOf(key);
      const fine = {
        reason: REASON.accepted,
        message: sessions.length === 0 ? 'no node has this peer: look at the selectors' : 'nodes have this peer',
      };
      const desired = {
        sessions: sessions.length,
        established: sessions.filter(({ node, address }) => isEstablished(node, address)).length,
        conditions: [conditionOfProblems(CONDITION.accepted, problem === undefined ? [] : [problem], fine)],
      };
      return status.write(KINDS.bgpPeer, peer, desired, signal);
    },
  };
}
