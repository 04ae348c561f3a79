import type { IncomingMessage } from 'node:http';
import { createServer, connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** Conversations that are not requests and answers. */
export type Talk =
  | { readonly what: 'greet'; readonly port: number; readonly greeting: string }
  | { readonly what: 'dial'; readonly host: string; readonly port: number; readonly say: string };

const PATIENCE_MS = 5_000;

export function talk(request: Talk): Promise<unknown> {
  return request.what === 'greet' ? greet(request.port, request.greeting) : dial(request);
}

/** Takes any upgrade, and says what it hears. */
export function upgrade(request: IncomingMessage, socket: Duplex): void {
  socket.on('error', () => socket.destroy());
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: ${request.headers.upgrade}\r\n\r\n`,
  );
  socket.pipe(socket);
}

function greet(port: number, greeting: string): Promise<void> {
  const server = createServer((socket: Socket) => {
    socket.on('error', () => socket.destroy());
    socket.write(greeting);
    socket.pipe(socket);
  });
  return new Promise((resolve) => server.listen(port, '::', resolve));
}

function dial({ host, port, say }: Extract<Talk, { what: 'dial' }>): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    const end = (heard: string) => {
      socket.destroy();
      resolve(heard);
    };
    socket.setTimeout(PATIENCE_MS, () => end(''));
    socket.on('error', () => end(''));
    socket.on('close', () => end(''));
    socket.on('data', (data) => end(data.toString()));
    if (say !== '') socket.write(say);
  });
}
