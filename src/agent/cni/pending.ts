import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { Logger } from '../../lib/logger.ts';
import { parseCniRequest } from './request.ts';
import type { CniHandler } from './server.ts';

/**
 * Does the DELs that came while no agent ran: the shim kept each as a file and told the runtime that it is done. One
 * that fails stays for the next start.
 */
export async function doPendingDeletes(folder: string, handler: CniHandler, logger: Logger): Promise<void> {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder).filter((file) => !file.startsWith('.'))) {
    const file = path.join(folder, name);
    try {
      const request = parseCniRequest(readFileSync(file, 'utf8'));
      if (request.command === 'DEL') await handler(request, new AbortController().signal);
      rmSync(file);
    } catch (error) {
      logger.warn('a kept DEL failed', { file: name, reason: error instanceof Error ? error.message : String(error) });
    }
  }
}
