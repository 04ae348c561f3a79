/** Program that talks and listens in the network namespace it is started in, told what to do over the IPC channel. */
import { createSocket } from 'node:dgram';
import net, { isIPv6 } from 'node:net';
import type { TrafficRequest } from './traffic.ts';

/** With what came in and nobody has asked for yet. */
const connections = new Map<number, { readonly socket: net.Socket; unread: string; wake: () => void }>();
const heard = new Map<number, string[]>();
let nextConnection = 1;

/** Servers answer each text with who sent it, and keep their side so that they can speak first too. */
const accepted: net.Socket[] = [];

function answer(request: TrafficRequest): Promise<unknown> {
  switch (request.what) {
    case 'listenTcp':
      return listenTcp(request.port, request.name);
    case 'dial':
      return dial(request.address, request.port, request.waitMs);
    case 'talk':
      return talk(request.connection, request.waitMs);
    case 'hangUp':
      return hangUp(request.connection);
    case 'speakFromServer':
      for (const socket of accepted) socket.write('unasked;');
      return Promise.resolve(accepted.length);
    case 'hear':
      return hear(request.connection, request.waitMs);
    case 'listenUdp':
      return listenUdp(request.port);
    case 'sendUdp':
      return sendUdp(request);
    case 'heardUdp':
      return Promise.resolve(heard.get(request.port) ?? []);
  }
}

function listenTcp(port: number, name?: string): Promise<void> {
  const server = net.createServer((socket) => {
    accepted.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', () => socket.write(name ?? `you are ${socket.remoteAddress?.replace('::ffff:', '')};`));
  });
  return new Promise((resolve) => server.listen(port, () => resolve()));
}

function dial(address: string, port: number, waitMs: number): Promise<number | string> {
  return new Promise((resolve) => {
    const socket = net.connect(port, address);
    const timer = setTimeout(() => {
      socket.destroy();
      resolve('silence');
    }, waitMs);
    socket.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      resolve(error.code ?? 'error');
    });
    socket.on('connect', () => {
      clearTimeout(timer);
      const connection = { socket, unread: '', wake: () => undefined };
      socket.on('data', (data) => {
        connection.unread += data.toString();
        connection.wake();
      });
      connections.set(nextConnection, connection);
      resolve(nextConnection);
      nextConnection += 1;
    });
  });
}

function talk(id: number, waitMs: number): Promise<string> {
  const connection = connections.get(id);
  if (connection === undefined) return Promise.resolve('no connection');
  connection.unread = '';
  connection.socket.write('who am I?');
  return hear(id, waitMs);
}

function hangUp(id: number): Promise<void> {
  const socket = connections.get(id)?.socket;
  connections.delete(id);
  if (socket === undefined) return Promise.resolve();
  return new Promise((resolve) => {
    socket.once('close', () => resolve());
    socket.end();
  });
}

async function hear(id: number, waitMs: number): Promise<string> {
  const connection = connections.get(id);
  if (connection === undefined) return 'no connection';
  if (connection.unread === '') {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      connection.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
  const text = connection.unread;
  connection.unread = '';
  return text === '' ? 'silence' : text;
}

function listenUdp(port: number): Promise<void> {
  const socket = createSocket('udp6');
  const texts: string[] = [];
  heard.set(port, texts);
  socket.on('message', (message, { address }) => texts.push(`${address.replace('::ffff:', '')}: ${message}`));
  return new Promise((resolve) => socket.bind(port, () => resolve()));
}

function sendUdp({
  address,
  port,
  text,
  from,
  fromPort = 0,
}: Extract<TrafficRequest, { readonly what: 'sendUdp' }>): Promise<string> {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  return new Promise((resolve) => {
    socket.bind(fromPort, from, () => {
      socket.send(text, port, address, (error) => {
        socket.close();
        resolve(error === null ? 'sent' : String(error));
      });
    });
  });
}

process.on('message', ({ id, request }: { id: number; request: TrafficRequest }) => {
  answer(request).then(
    (result) => process.send?.({ id, result }),
    (error: unknown) => process.send?.({ id, result: String(error) }),
  );
});
process.send?.({ id: 0, result: 'ready' });
