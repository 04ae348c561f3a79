import { createServer, type Server } from 'node:http';
import type { ServiceHealthIr } from '../model/service/vip.ts';

const REQUEST_TIMEOUT_MS = 10_000;

interface Listening {
  readonly server: Server;
  /** What it answers with; replaced at each change. */
  service: ServiceHealthIr;
}

/**
 * Answers load balancers that ask whether this node has ready endpoints of a service (`healthCheckNodePort`), as
 * kube-proxy does: 200 and the count, or 503. One server a service, on every address of the node.
 */
export class ServiceHealth {
  readonly #listening = new Map<number, Listening>();
  readonly #host: string | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /** @param host the one address to listen on; without it all of both families. */
  constructor(host?: string) {
    this.#host = host;
  }

  /**
   * These and no others are served from now on. Ports that could not be opened are returned with their reasons, and
   * tried again next time; the others are served nevertheless.
   */
  serve(services: readonly ServiceHealthIr[]): Promise<readonly string[]> {
    const done = this.#last.then(() => this.#serve(services));
    this.#last = done.catch(() => undefined);
    return done;
  }

  async close(): Promise<void> {
    await this.serve([]);
  }

  async #serve(services: readonly ServiceHealthIr[]): Promise<readonly string[]> {
    const wanted = new Map(services.map((service) => [service.port, service]));
    const gone = [...this.#listening].filter(([port]) => !wanted.has(port));
    await Promise.all(gone.map(([port, { server }]) => this.#close(port, server)));
    const failures = [...wanted.values()].map(async (service) => {
      const listening = this.#listening.get(service.port);
      if (listening === undefined) return this.#open(service);
      listening.service = service;
      return [];
    });
    return (await Promise.all(failures)).flat();
  }

  async #open(service: ServiceHealthIr): Promise<readonly string[]> {
    const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, (_request, response) => {
      const { status, headers, body } = answerOf(listening.service);
      response.writeHead(status, headers).end(body);
    });
    const listening: Listening = { server, service };
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(service.port, this.#host, resolve);
      });
    } catch (error) {
      const { namespace, name, port } = service;
      return [`cannot listen on healthCheckNodePort ${port} of ${namespace}/${name}: ${String(error)}`];
    }
    server.on('error', () => undefined);
    this.#listening.set(service.port, listening);
    return [];
  }

  async #close(port: number, server: Server): Promise<void> {
    this.#listening.delete(port);
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }
}

/** Fields and header as kube-proxy's. */
function answerOf({ namespace, name, localEndpoints }: ServiceHealthIr) {
  return {
    status: localEndpoints > 0 ? 200 : 503,
    headers: {
      'content-type': 'application/json',
      'x-content-type-options': 'nosniff',
      'x-load-balancing-endpoint-weight': String(localEndpoints),
    },
    body: `${JSON.stringify({ service: { namespace, name }, localEndpoints, serviceProxyHealthy: true })}\n`,
  };
}
