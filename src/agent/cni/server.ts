import { chmodSync, rmSync } from 'node:fs';
import net from 'node:net';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import { CNI_ERROR, CniError, type CniRequest, parseCniRequest } from './request.ts';

/** Told of each answer: CNI's error code, 0 for success. */
export type CniObserver = (verb: string, code: number, durationMs: number) => void;

/** Answers one request; undefined means success without a result (DEL, CHECK, GC, STATUS). */
export type CniHandler = (request: CniRequest, signal: AbortSignal) => Promise<object | undefined>;

/** A configuration list is a few kilobytes; GC lists all attachments of a node. */
const MAX_REQUEST_BYTES = 1 << 20;

export interface CniServer {
  close(): Promise<void>;
}

export interface CniServerDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly answered: CniObserver;
}

/**
 * Serves the shim on the unix socket `path` (root only). The reply's first byte is the exit code, `0` or `1`; the
 * rest is the CNI result or error object. A zero byte ends requests and replies, so that neither end waits to be hung
 * up on. When the runtime hangs up before, the handler's signal aborts.
 */
export async function serveCni(path: string, handler: CniHandler, deps: CniServerDeps): Promise<CniServer> {
  rmSync(path, { force: true });
  const server = net.createServer((socket) => serveOne(socket, handler, deps));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  chmodSync(path, 0o600);
  return { close: () => new Promise((resolve) => server.close(() => resolve())) };
}

function serveOne(socket: net.Socket, handler: CniHandler, deps: CniServerDeps): void {
  const abort = new AbortController();
  const pieces: Buffer[] = [];
  let size = 0;
  let answered = false;
  socket.on('data', (piece: Buffer) => {
    size += piece.length;
    pieces.push(piece);
    if (size > MAX_REQUEST_BYTES) socket.destroy();
    else if (piece.at(-1) === 0) reply(Buffer.concat(pieces).toString('utf8', 0, size - 1));
  });
  socket.on('error', () => abort.abort());
  socket.on('close', () => {
    if (!answered) abort.abort();
  });

  function reply(request: string): void {
    void answer(request, handler, abort.signal, deps).then(({ text, observe }) => {
      answered = true;
      if (!socket.destroyed) socket.end(`${text}\0`);
      observe();
    });
  }
}

/** `observe` is for after the answer: nobody waits for it. */
async function answer(
  received: string,
  handler: CniHandler,
  signal: AbortSignal,
  { clock, logger, answered }: CniServerDeps,
): Promise<{ readonly text: string; readonly observe: () => void }> {
  const startedMs = clock.monotonic();
  let cniVersion = '1.0.0';
  let verb = 'unknown';
  try {
    const request = parseCniRequest(received);
    cniVersion = request.cniVersion;
    verb = request.command;
    const result = await handler(request, signal);
    const tookMs = clock.monotonic() - startedMs;
    const text = `0${result === undefined ? '' : JSON.stringify({ cniVersion, ...result })}`;
    return { text, observe: () => answered(verb, 0, tookMs) };
  } catch (error) {
    const { code, message, details } =
      error instanceof CniError
        ? error
        : new CniError(CNI_ERROR.io, error instanceof Error ? error.message : String(error));
    const tookMs = clock.monotonic() - startedMs;
    const text = `1${JSON.stringify({ cniVersion, code, msg: message, details })}`;
    const observe = () => {
      answered(verb, code, tookMs);
      logger.warn('cni request failed', { verb, code, reason: message, details });
    };
    return { text, observe };
  }
}
