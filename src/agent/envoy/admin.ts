import { type ClientRequestArgs, request } from 'node:http';
import { Socket } from 'node:net';

/** What a proxy answered, with its status code where that is not 200. */
export class AdminError extends Error {
  constructor(what: string, options?: ErrorOptions) {
    super(`the proxy's administration does not answer: ${what}`, options);
    this.name = 'AdminError';
  }
}

/** Local, and a proxy that has no time for it now is asked again. */
const PATIENCE_MS = 2_000;
/** A proxy's whole configuration, as it has it, in a cluster of thousands of services. */
const MAX_BYTES = 256 * 1024 * 1024;

/** Talks to the administration of one pod's Envoy (`/stats`, `/config_dump` and the like). */
export class ProxyAdmin {
  readonly #connect: () => number;

  /** @param connect a descriptor of a new connection to it; may throw. */
  constructor(connect: () => number) {
    this.#connect = connect;
  }

  /** The body of the answer. Rejects with AdminError. */
  get(path: string): Promise<string> {
    return this.#ask('GET', path);
  }

  /** As `get`. */
  post(path: string): Promise<string> {
    return this.#ask('POST', path);
  }

  #ask(method: string, path: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const fail = (cause: unknown) => reject(new AdminError(messageOf(cause), { cause }));
      const asking = request(this.#options(method, path), (response) => {
        const parts: Buffer[] = [];
        let size = 0;
        response.on('data', (part: Buffer) => {
          size += part.length;
          if (size > MAX_BYTES) asking.destroy(new Error(`its answer is over ${MAX_BYTES} bytes`));
          else parts.push(part);
        });
        response.on('error', fail);
        response.on('end', () => {
          const body = Buffer.concat(parts).toString('utf8');
          if (response.statusCode === 200) resolve(body);
          else fail(new Error(`${response.statusCode} ${body.slice(0, 200)}`));
        });
      });
      asking.on('timeout', () => asking.destroy(new Error(`no answer within ${PATIENCE_MS} ms`)));
      asking.on('error', fail);
      asking.end();
    });
  }

  #options(method: string, path: string): ClientRequestArgs {
    return {
      method,
      path,
      timeout: PATIENCE_MS,
      createConnection: () => new Socket({ fd: this.#connect(), readable: true, writable: true }),
    };
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
