import { createServer, type Server, type Socket } from 'node:net';
import type { Logger } from '../../lib/logger.ts';

export interface ProxySocketOptions {
  /** A listening unix socket; closed with the server. */
  readonly fd: number;
  /** The only user that may connect. */
  readonly uid: number;
  readonly peerUid: (fd: number) => number;
  readonly accepted: (connection: Socket) => void;
  /** Fields of the log. */
  readonly proxy: string;
  readonly logger: Logger;
}

/** Takes the connections of a pod's proxy, and of nobody else in the pod: the other end's user is the kernel's word. */
export function serveProxySocket({ fd, uid, peerUid, accepted, proxy, logger }: ProxySocketOptions): Server {
  const server = createServer((connection) => {
    connection.on('error', (error) => logger.debug('proxy connection failed', { proxy, error: error.message }));
    const descriptor = parseDescriptor(connection);
    const peer = descriptor === undefined ? undefined : peerUid(descriptor);
    if (peer === uid) return accepted(connection);
    logger.warn('connection to the proxy socket refused: not the proxy', { proxy, uid: peer });
    connection.destroy();
  });
  server.on('error', (error) => logger.error('proxy socket failed', { proxy, error: error.message }));
  server.listen({ fd });
  return server;
}

/** The descriptor behind a connection, which Node has in a field that it does not document. */
function parseDescriptor(connection: Socket): number | undefined {
  const { _handle: handle } = connection as unknown as { readonly _handle?: { readonly fd?: number } | null };
  return handle?.fd !== undefined && handle.fd >= 0 ? handle.fd : undefined;
}
