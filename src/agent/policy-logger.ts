import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { DeniedFlows } from './denied-flows.ts';
import type { LoggedPacket } from './dataplane/nft/logged-packet.ts';

export interface PolicyLoggerDeps {
  /** @throws while it cannot be listened to. */
  readonly open: () => { take(): readonly LoggedPacket[]; close(): void };
  /** Takes what was denied. */
  readonly denied: Pick<DeniedFlows, 'add'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

const EVERY_MS = 1_000;
/** Lines of one look; each rule is held to 10 a second by the kernel, of rules there may be many. */
const MOST_LINES = 100;

/** Writes what rules with the action Log match into the agent's log, and hands on what was denied, until the returned function is called. */
export function logPolicies({ open, denied, clock, logger }: PolicyLoggerDeps): () => void {
  let log: ReturnType<PolicyLoggerDeps['open']> | undefined;
  let isTold = false;
  let isOver = false;
  const look = () => {
    if (isOver) return;
    try {
      log ??= open();
      const packets = log.take().filter((packet) => {
        const { verdict } = packet;
        if (verdict !== undefined) denied.add({ ...packet, verdict });
        return verdict === undefined;
      });
      for (const packet of packets.slice(0, MOST_LINES)) logger.info('logged by policy', { ...packet });
      if (packets.length > MOST_LINES) {
        logger.info('more was logged by policies than is written', { left: packets.length - MOST_LINES });
      }
    } catch (error) {
      if (!isTold) logger.warn('what policies log is not heard; it is tried again', { error: String(error) });
      isTold = true;
    }
    clock.after(EVERY_MS, look);
  };
  look();
  return () => {
    isOver = true;
    log?.close();
  };
}
