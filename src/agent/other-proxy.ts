import net from 'node:net';

/** Where kube-proxy, and what takes its place, says on each node that it is well. */
const HEALTH_PORT = 10256;
const PATIENCE_MS = 500;

/** Whether somebody else routes Services on this node: whether anybody listens there. */
export function findOtherProxy(): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ host: '127.0.0.1', port: HEALTH_PORT, timeout: PATIENCE_MS });
    const end = (isThere: boolean) => {
      socket.destroy();
      resolve(isThere);
    };
    socket.once('connect', () => end(true));
    socket.once('timeout', () => end(false));
    socket.once('error', () => end(false));
  });
}
