import { createServer, type IncomingHttpHeaders, request as sendRequest } from 'node:http';
import { type DnsQuestions, resolve as resolveNames } from './dns-client.ts';
import { talk, type Talk, upgrade } from './talk.ts';

export type HttpRequest =
  | DnsQuestions
  | Talk
  | { readonly what: 'serve'; readonly port: number; readonly name: string }
  | { readonly what: 'manners'; readonly port: number; readonly manners: HttpManners }
  | {
      readonly what: 'get';
      readonly url: string;
      readonly method?: string;
      readonly headers: Readonly<Record<string, string>>;
    };

export interface HttpAnswer {
  /** 0 when there was no answer; then `body` is the error's code. */
  readonly status: number;
  readonly body: string;
  readonly headers?: IncomingHttpHeaders;
}

/** How the server at a port answers. A request says by `x-answer-after-ms` when. */
export interface HttpManners {
  /** Of every answer. */
  readonly status: number;
}

/** What the server at `port` answers with: who it is, and what it was told. */
export interface HttpEcho {
  readonly server: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** Where the call arrived. */
  readonly address: string;
}

const TIMEOUT_MS = 5_000;

const manners = new Map<number, HttpManners>();

function serve(port: number, name: string): Promise<void> {
  const server = createServer((request, response) => {
    const address = request.socket.localAddress?.replace('::ffff:', '') ?? '';
    const echo: HttpEcho = { server: name, path: request.url ?? '', headers: request.headers, address };
    response.setHeader('x-served-by', name);
    response.statusCode = manners.get(port)?.status ?? 200;
    setTimeout(() => response.end(JSON.stringify(echo)), Number(request.headers['x-answer-after-ms'] ?? 0));
  });
  server.on('upgrade', upgrade);
  return new Promise((resolve) => server.listen(port, '::', resolve));
}

function ask(url: string, method: string, headers: Readonly<Record<string, string>>): Promise<HttpAnswer> {
  return new Promise((resolve) => {
    const request = sendRequest(url, { method, headers, agent: false, timeout: TIMEOUT_MS }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          body: Buffer.concat(chunks).toString(),
          headers: response.headers,
        }),
      );
      response.on('error', (error: NodeJS.ErrnoException) => resolve({ status: 0, body: error.code ?? error.message }));
    });
    request.on('timeout', () => request.destroy(new Error('silence')));
    request.on('error', (error: NodeJS.ErrnoException) => resolve({ status: 0, body: error.code ?? error.message }));
    request.end();
  });
}

function work(request: HttpRequest): Promise<unknown> {
  if (request.what === 'resolve') return resolveNames(request);
  if (request.what === 'greet' || request.what === 'dial') return talk(request);
  if (request.what === 'serve') return serve(request.port, request.name);
  if (request.what === 'get') return ask(request.url, request.method ?? 'GET', request.headers);
  manners.set(request.port, request.manners);
  return Promise.resolve();
}

process.on('message', ({ id, request }: { id: number; request: HttpRequest }) => {
  void work(request).then((result) => process.send?.({ id, result }));
});
process.on('disconnect', () => process.exit());
process.send?.({ id: 0 });
