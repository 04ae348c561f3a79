import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type Clock, sleep } from '../../lib/clock.ts';
import { canonicalIp } from '../../lib/ip.ts';
import type { Logger } from '../../lib/logger.ts';
import type { ProxyAdmin } from './admin.ts';
import { DRAIN_PATH } from './names.ts';

export interface DrainDeps {
  /** A listening TCP socket in the pod's network namespace; closed with the server. */
  readonly fd: number;
  /** Whether it is an address of the node's own: the kubelet asks, and nobody else may. */
  readonly isNode: (address: string) => boolean;
  /** Empty when nobody sends to the pod any more; else why that is not to be waited for. Rejects when `signal` aborts. */
  readonly left: (signal: AbortSignal) => Promise<string>;
  readonly admin: Pick<ProxyAdmin, 'get' | 'post'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Field of the log. */
  readonly proxy: string;
}

const LONGEST_SECONDS = 300;
const LOOK_EVERY_MS = 50;
/** Looks in a row that find no request. A caller's proxy that has just acknowledged may have one on its way. */
const QUIET_LOOKS = 4;
const ACTIVE_REQUESTS = encodeURIComponent('^http\\.inbound-[0-9]+\\.downstream_rq_active$');

/**
 * Answers the preStop hook of the pod's containers when the application may end: nobody sends to it any more, and what
 * was sent is answered; or when the time that the hook gives is over.
 */
export function serveDrain(deps: DrainDeps): Server {
  const { fd, isNode, logger, proxy } = deps;
  const server = createServer((request, response) => {
    const seconds = secondsOf(request);
    if (!isNode(callerOf(request))) return void response.writeHead(403).end();
    if (seconds === undefined) return void response.writeHead(404).end();
    const ending = new AbortController();
    response.on('close', () => ending.abort());
    const stop = deps.clock.after(seconds * 1000, () => ending.abort());
    void drain(deps, ending.signal).then((outcome) => {
      stop();
      logger.info('the pod may end', { proxy, outcome });
      response.end(`${outcome}\n`);
    });
  });
  server.on('error', (error) => logger.error('drain socket failed', { proxy, error: error.message }));
  server.listen({ fd });
  return server;
}

/** A socket of both families has IPv4's addresses as IPv6's (RFC 4291, 2.5.5.2). */
function callerOf({ socket: { remoteAddress = '' } }: IncomingMessage): string {
  return canonicalIp(remoteAddress.replace(/^::ffff:(?=.*\.)/, '')) ?? '';
}

function secondsOf({ method, url = '' }: IncomingMessage): number | undefined {
  const { pathname, searchParams } = new URL(url, 'http://pod');
  const seconds = Number(searchParams.get('seconds'));
  const isAsked = method === 'GET' && pathname === DRAIN_PATH && Number.isInteger(seconds) && seconds > 0;
  return isAsked ? Math.min(seconds, LONGEST_SECONDS) : undefined;
}

/** In words, for the log. Never rejects. */
async function drain({ left, admin, clock }: DrainDeps, signal: AbortSignal): Promise<string> {
  try {
    const problem = await left(signal);
    if (problem !== '') return problem;
    // Callers without a proxy learn from the answers that their connections end.
    await admin.post('/drain_listeners?inboundonly&graceful&skip_exit');
    for (let quiet = 0; quiet < QUIET_LOOKS && !signal.aborted; ) {
      quiet = (await activeRequests(admin)) === 0 ? quiet + 1 : 0;
      await sleep(clock, LOOK_EVERY_MS, signal);
    }
    return signal.aborted ? 'requests were still open when its time was over' : 'nobody sends to it any more';
  } catch (error) {
    if (signal.aborted) return 'not everybody had acknowledged that it ends when its time was over';
    return error instanceof Error ? error.message : String(error);
  }
}

async function activeRequests(admin: Pick<ProxyAdmin, 'get'>): Promise<number> {
  const text = await admin.get(`/stats?filter=${ACTIVE_REQUESTS}`);
  return text
    .split('\n')
    .filter((line) => line !== '')
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(':') + 1)), 0);
}
