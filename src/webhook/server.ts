import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Logger } from '../lib/logger.ts';
import { type AdmissionRequest, type AdmissionResponse, parseReview, renderReview } from './review.ts';

/** Decides about one request. What it throws becomes a refusal that names the error, and a 500 in the logs. */
export type AdmissionHandler = (request: AdmissionRequest) => Promise<AdmissionResponse>;

export interface ServingCertificate {
  /** PEM, leaf first. */
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

export interface WebhookOptions {
  /** 0 picks a free one. */
  readonly port: number;
  readonly host: string;
  readonly certificate: ServingCertificate;
  /** By path, such as `/inject`. */
  readonly handlers: ReadonlyMap<string, AdmissionHandler>;
  readonly log: Logger;
}

export interface WebhookServer {
  readonly port: number;
  /** New connections are served with this certificate; those that stand keep theirs. */
  setCertificate(certificate: ServingCertificate): void;
  close(): Promise<void>;
}

/** An AdmissionReview of an update holds two objects of at most 1.5 MiB each (etcd's request limit), and some more. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;

/**
 * Serves AdmissionReview v1 over TLS.
 *
 * @throws the listener's error (EADDRINUSE, EACCES) when the port cannot be opened, OpenSSL's for a broken key pair.
 */
export async function serveWebhooks(options: WebhookOptions): Promise<WebhookServer> {
  const settings = { ...secureContextOf(options.certificate), requestTimeout: 10_000 };
  const server = createServer(settings, (request, response) => {
    answer(options, request, response).catch((error: unknown) => {
      options.log.error('webhook request failed', { path: request.url, error });
      if (!response.headersSent) reply(response, 500, 'cannot answer this request\n');
      else response.destroy();
    });
  });
  const port = await listen(server, options.port, options.host);
  return {
    port,
    setCertificate: (certificate) => server.setSecureContext(secureContextOf(certificate)),
    close: () => close(server),
  };
}

async function answer({ handlers, log }: WebhookOptions, request: IncomingMessage, response: ServerResponse) {
  const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
  const handler = handlers.get(path);
  if (handler === undefined) return reply(response, 404, `there is no webhook at ${path}\n`);
  if (request.method !== 'POST') return reply(response, 405, 'send an AdmissionReview by POST\n');
  const text = await readBody(request);
  if (text === undefined) return reply(response, 413, `the review must not exceed ${MAX_BODY_BYTES} bytes\n`);
  const review = parseReview(text);
  if (typeof review === 'string') return reply(response, 400, `${review}\n`);
  const answered = await decide(handler, review, path, log);
  reply(response, 200, renderReview(review.uid, answered), 'application/json');
}

/** An answer whatever happens: without one, the API server would wait for its timeout. */
async function decide(handler: AdmissionHandler, request: AdmissionRequest, path: string, log: Logger) {
  try {
    return await handler(request);
  } catch (error) {
    log.error('admission handler failed', { path, kind: request.kind.kind, namespace: request.namespace, error });
    const why = error instanceof Error ? error.message : String(error);
    return { allowed: false, code: 500, message: `weft: cannot decide about this object: ${why}` } as const;
  }
}

/** UTF-8 text; undefined when it is too large, and then the rest is not read. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    const buffer: Buffer = chunk;
    bytes += buffer.length;
    if (bytes > MAX_BODY_BYTES) return undefined;
    chunks.push(buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function secureContextOf({ certificatePem, privateKeyPem }: ServingCertificate) {
  return { cert: certificatePem, key: privateKeyPem, minVersion: 'TLSv1.2' } as const;
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
    server.closeIdleConnections();
  });
}
