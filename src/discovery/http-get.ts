import { promises as dns } from 'node:dns';
import http from 'node:http';
import https from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { gunzipSync } from 'node:zlib';

export interface HttpAsk {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** In PEM; absent: the public authorities. */
  readonly ca?: string;
  /** Until the whole answer is there. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  /** Of a 200, parsed. */
  readonly body: unknown;
}

/** Rejects when no whole answer comes, or none of JSON. Messages hold neither what was sent nor what came. */
export type HttpGet = (ask: HttpAsk) => Promise<HttpAnswer>;

export interface HttpGetOptions {
  /** Of names that the DNS of the machine does not know. */
  readonly addressOf: (host: string) => string | undefined;
  /** Whoever writes a MeshService says what is called: not what only this machine can reach. */
  readonly mayCall: (address: string) => boolean;
}

/** Some ten thousand instances. */
const MAX_BYTES = 64 * 1024 * 1024;

/** Connections are kept for the next question. Redirections are not followed. */
export function createHttpGet(options: HttpGetOptions): HttpGet {
  const agents = { http: new http.Agent({ keepAlive: true }), https: new https.Agent({ keepAlive: true }) };
  const lookup = lookupBy(options);
  const send = async (url: string, more: https.RequestOptions): Promise<http.IncomingMessage> => {
    const isSecure = url.startsWith('https:');
    const agent = isSecure ? agents.https : agents.http;
    const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
    const request = (isSecure ? https : http).get(url, { ...more, agent, lookup });
    request.on('response', resolve).on('error', reject);
    try {
      return await promise;
    } catch (error) {
      // The server has hung up on a kept connection in the moment of the question: another one will do.
      if (request.reusedSocket && (error as NodeJS.ErrnoException).code === 'ECONNRESET') return send(url, more);
      throw error;
    }
  };
  return async ({ url, headers, ca, timeoutMs, signal }) => {
    const literal = new URL(url).hostname.replace(/^\[(.*)\]$/, '$1');
    if (isIP(literal) !== 0 && !options.mayCall(literal)) throw notAllowed(literal);
    const late = AbortSignal.timeout(timeoutMs);
    try {
      const response = await send(url, {
        headers: { accept: 'application/json', 'accept-encoding': 'gzip', ...headers },
        signal: AbortSignal.any([signal, late]),
        ...(ca === undefined ? {} : { ca }),
      });
      const bytes = await collect(response);
      const { statusCode: status = 0, headers: answered } = response;
      return { status, headers: answered, body: status === 200 ? parse(bytes, answered) : undefined };
    } catch (error) {
      if (late.aborted) throw new Error(`no answer within ${timeoutMs / 1000} s`, { cause: error });
      throw error;
    }
  };
}

function lookupBy({ addressOf, mayCall }: HttpGetOptions): LookupFunction {
  const find = async (host: string) => {
    const known = addressOf(host);
    const found =
      known === undefined ? await dns.lookup(host, { all: true }) : [{ address: known, family: isIP(known) }];
    const allowed = found.filter(({ address }) => mayCall(address));
    if (allowed.length === 0) throw notAllowed(host);
    return allowed;
  };
  return (host, { all }, callback) => {
    find(host).then(
      (found) => (all === true ? callback(null, found) : callback(null, found[0]?.address ?? '', found[0]?.family)),
      (error: NodeJS.ErrnoException) => callback(error, ''),
    );
  };
}

function notAllowed(host: string): Error {
  return new Error(`'${host}' must be another machine's, and not loopback or link-local`);
}

async function collect(response: http.IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BYTES) throw new Error('the answer is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parse(bytes: Buffer, headers: http.IncomingHttpHeaders): unknown {
  const isPacked = headers['content-encoding'] === 'gzip';
  const text = isPacked ? gunzipSync(bytes, { maxOutputLength: MAX_BYTES }) : bytes;
  try {
    return JSON.parse(text.toString('utf8'));
  } catch {
    throw new Error('the answer is not JSON');
  }
}

/** Why a question went without an answer, in words. */
export function reasonOf(error: unknown): string {
  const { message, errors } = error as { readonly message?: string; readonly errors?: readonly unknown[] };
  // Where an address of each family was tried, the message of all together is empty.
  if (message === '' && errors?.[0] !== undefined) return reasonOf(errors[0]);
  return message ?? String(error);
}
