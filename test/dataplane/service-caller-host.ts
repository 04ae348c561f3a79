/** Program that calls from the network namespace it is started in, told what to do over the IPC channel. */
import { createSocket, type Socket } from 'node:dgram';
import net, { isIPv6 } from 'node:net';
import type { CallerRequest } from './service-caller.ts';

const AT_ONCE = 20;
/** A refusal on one machine takes microseconds. */
const REFUSAL_MS = 100;
const flows = new Map<string, { readonly socket: Socket; error: string | undefined }>();

function answer(request: CallerRequest): Promise<unknown> {
  if (request.what === 'names') return names(request.address, request.port, request.count);
  return sendUdp(request.flow, request.address, request.port, request.text);
}

async function names(address: string, port: number, count: number): Promise<string[]> {
  const answers: string[] = [];
  const call = async () => {
    for (; left > 0; ) {
      left -= 1;
      answers.push(await ask(address, port));
    }
  };
  let left = count;
  await Promise.all(Array.from({ length: AT_ONCE }, call));
  return answers;
}

function ask(address: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = net.connect(port, address, () => socket.write('who are you?'));
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'));
    socket.setTimeout(2_000, () => {
      resolve('silence');
      socket.destroy();
    });
    socket.on('data', (data) => {
      resolve(data.toString());
      socket.resetAndDestroy();
    });
  });
}

async function sendUdp(name: string, address: string, port: number, text: string): Promise<string> {
  const flow = flows.get(name) ?? { socket: createSocket(isIPv6(address) ? 'udp6' : 'udp4'), error: undefined };
  if (!flows.has(name)) {
    flows.set(name, flow);
    flow.socket.on('error', (error: NodeJS.ErrnoException) => (flow.error = error.code));
    await new Promise<void>((resolve) => flow.socket.connect(port, address, resolve));
  }
  flow.error = undefined;
  flow.socket.send(text, (error: NodeJS.ErrnoException | null) => {
    if (error !== null) flow.error = error.code;
  });
  await new Promise((resolve) => setTimeout(resolve, REFUSAL_MS));
  return flow.error ?? 'sent';
}

process.on('message', (request: CallerRequest) => {
  answer(request).then(
    (result) => process.send?.(result),
    (error: unknown) => process.send?.(String(error)),
  );
});
process.send?.('ready');
