import { createServer, type Server, type ServerResponse } from 'node:http';
import type { Metrics } from './metrics.ts';

export interface HealthOptions {
  /** 0 picks a free one. */
  readonly port: number;
  readonly host: string;
  readonly metrics: Pick<Metrics, 'scrape'>;
  /** Why the process cannot serve now; empty when it can. */
  readonly readiness: () => readonly string[];
  /** Why the process must be restarted; empty while it lives. */
  readonly liveness: () => readonly string[];
}

export interface HealthServer {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Serves /healthz, /readyz (200 `ok`, or 503 with one reason a line) and /metrics.
 *
 * @throws the listener's error (EADDRINUSE, EACCES) when the port cannot be opened.
 */
export async function serveHealth(options: HealthOptions): Promise<HealthServer> {
  const server = createServer({ requestTimeout: 10_000 }, (request, response) => {
    answer(options, request.url ?? '/', response).catch((error: unknown) => {
      reply(response, 500, `cannot answer: ${error instanceof Error ? error.message : String(error)}\n`);
    });
  });
  const port = await listen(server, options.port, options.host);
  return { port, close: () => close(server) };
}

async function answer({ metrics, readiness, liveness }: HealthOptions, url: string, response: ServerResponse) {
  switch (url.split('?', 1)[0]) {
    case '/healthz':
      return replyReasons(response, liveness());
    case '/readyz':
      return replyReasons(response, readiness());
    case '/metrics': {
      const { contentType, text } = await metrics.scrape();
      return reply(response, 200, text, contentType);
    }
    default:
      return reply(response, 404, 'not found: this port serves /healthz, /readyz and /metrics\n');
  }
}

function replyReasons(response: ServerResponse, reasons: readonly string[]): void {
  if (reasons.length === 0) reply(response, 200, 'ok\n');
  else reply(response, 503, `${reasons.join('\n')}\n`);
}

function reply(response: ServerResponse, status: number, text: string, contentType = 'text/plain'): void {
  response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
