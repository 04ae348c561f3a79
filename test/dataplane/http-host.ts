import { createServer, get, type IncomingHttpHeaders } from 'node:http';

export type HttpRequest =
  | { readonly what: 'serve'; readonly port: number; readonly name: string }
  | { readonly what: 'get'; readonly url: string; readonly headers: Readonly<Record<string, string>> };

export interface HttpAnswer {
  /** 0 when there was no answer; then `body` is the error's code. */
  readonly status: number;
  readonly body: string;
}

/** What the server at `port` answers with: who it is, and what it was told. */
export interface HttpEcho {
  readonly server: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

const TIMEOUT_MS = 5_000;

function serve(port: number, name: string): Promise<void> {
  const server = createServer((request, response) => {
    const echo: HttpEcho = { server: name, path: request.url ?? '', headers: request.headers };
    response.end(JSON.stringify(echo));
  });
  return new Promise((resolve) => server.listen(port, '::', resolve));
}

function ask(url: string, headers: Readonly<Record<string, string>>): Promise<HttpAnswer> {
  return new Promise((resolve) => {
    const request = get(url, { headers, agent: false, timeout: TIMEOUT_MS }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
      response.on('error', (error: NodeJS.ErrnoException) => resolve({ status: 0, body: error.code ?? error.message }));
    });
    request.on('timeout', () => request.destroy(new Error('silence')));
    request.on('error', (error: NodeJS.ErrnoException) => resolve({ status: 0, body: error.code ?? error.message }));
  });
}

process.on('message', ({ id, request }: { id: number; request: HttpRequest }) => {
  const work = request.what === 'serve' ? serve(request.port, request.name) : ask(request.url, request.headers);
  void work.then((result) => process.send?.({ id, result }));
});
process.on('disconnect', () => process.exit());
process.send?.({ id: 0 });
