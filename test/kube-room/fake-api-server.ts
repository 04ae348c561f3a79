import { createServer, type ServerResponse } from 'node:http';
import type { Pod } from '../../src/api/kubernetes.ts';
import type { Connection } from '../../src/kube/connection.ts';

/** What a faulty API server does with one request. */
export type Script = (url: URL, response: ServerResponse) => void;

/**
 * Answers requests by script, in order of arrival, for the faults that a real API server does not make on demand.
 * A request beyond the script is left without an answer.
 */
export async function fakeApiServer(script: readonly Script[]) {
  const requests: URL[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://fake');
    script[requests.length]?.(url, response);
    requests.push(url);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the fake API server has no port');
  const connection: Connection = {
    server: `http://127.0.0.1:${address.port}`,
    credentials: async () => ({ tls: {}, headers: {} }),
  };
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { connection, requests, close };
}

export function pod(name: string, resourceVersion: string): Pod {
  return { metadata: { namespace: 'default', name, uid: `uid-${name}`, resourceVersion }, spec: { containers: [] } };
}

export function answerList(resourceVersion: string, items: readonly Pod[], continueToken = ''): Script {
  return (_url, response) => {
    response.end(JSON.stringify({ kind: 'PodList', metadata: { resourceVersion, continue: continueToken }, items }));
  };
}

export function refuse(status: number, reason: string): Script {
  return (_url, response) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ kind: 'Status', code: status, reason, message: 'as the script says' }));
  };
}

export function line(type: string, object: unknown): string {
  return `${JSON.stringify({ type, object })}\n`;
}

/** Sends the pieces one by one, each in a packet of its own, then does `last`. */
export function answerWatch(pieces: readonly (string | Buffer)[], last: 'end' | 'cut' | 'hold'): Script {
  return (_url, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    const send = (index: number) => {
      const piece = pieces[index];
      if (piece !== undefined) {
        response.write(piece);
        setTimeout(send, 5, index + 1);
        return;
      }
      if (last === 'end') response.end();
      if (last === 'cut') response.destroy();
    };
    send(0);
  };
}
