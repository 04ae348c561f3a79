import type { Logger } from '../lib/logger.ts';

/**
 * Runs `work` until it settles; SIGTERM and SIGINT abort its signal. A failure, and a promise that nobody waits for,
 * ends the process with 1: the kubelet starts it anew.
 */
export async function runUntilSignal(logger: Logger, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const abort = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => abort.abort());
  const fail = (error: unknown) => {
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    logger.error('ending because of a failure', { reason });
    // The log's transport needs a moment to write.
    setTimeout(() => process.exit(1), 100);
  };
  process.on('unhandledRejection', fail);
  process.on('uncaughtException', fail);
  try {
    await work(abort.signal);
    setTimeout(() => process.exit(0), 100);
  } catch (error) {
    fail(error);
  }
}
