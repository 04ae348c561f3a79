import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { parseCniRequest } from '../../src/agent/cni/request.ts';

const SOURCE = path.resolve(import.meta.dirname, '../../shim/weft-cni.c');
const ADD = {
  CNI_COMMAND: 'ADD',
  CNI_CONTAINERID: 'abc123',
  CNI_NETNS: '/run/netns/x',
  CNI_IFNAME: 'eth0',
  CNI_ARGS: 'K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0',
  CNI_PATH: '/opt/cni/bin',
};
const CONFIG = '{"cniVersion": "1.1.0", "name": "weft", "type": "weft"}';

let folder: string;
let server: net.Server | undefined;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'weft-t-'));
  compile('patient', 10_000);
  compile('hasty', 200);
});
afterEach(() => {
  server?.close();
  server = undefined;
  rmSync(path.join(folder, 'state'), { recursive: true, force: true });
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The shim with this test's paths; it waits so long for a socket. */
function compile(name: string, waitMs: number): void {
  execFileSync('gcc', [
    ...['-Os', '-static', '-s', '-Wall', '-Wextra', '-Werror', '-o', path.join(folder, name), SOURCE],
    ...[`-DWEFT_SOCKET="${folder}/cni.sock"`, `-DWEFT_STATE="${folder}/state"`, `-DWEFT_WAIT_MS=${waitMs}`],
    '-DWEFT_REPLY_SECONDS=1',
  ]);
}

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
}

function run(name: string, env: Readonly<Record<string, string>>, input: string): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(path.join(folder, name), { env, stdio: ['pipe', 'pipe', 'inherit'] });
    let stdout = '';
    child.stdout.on('data', (piece) => (stdout += piece));
    child.on('error', reject).on('close', (status) => resolve({ status, stdout }));
    child.stdin.on('error', () => undefined).end(input);
  });
}

/**
 * An agent that gives one answer after another, each when it has read its whole request, and leaves it to the shim to
 * hang up; `undefined` hangs up instead, and so does what ends in `…`, in the middle of the answer.
 */
async function agent(...answers: readonly (string | undefined)[]): Promise<string[]> {
  const requests: string[] = [];
  const listening = net.createServer((socket) => {
    let request = '';
    socket.on('error', () => undefined);
    socket.on('data', (piece) => {
      request += piece;
      if (!request.endsWith('\0')) return;
      const answer = answers[requests.length];
      requests.push(request.slice(0, -1));
      if (answer === undefined) socket.destroy();
      else if (answer.endsWith('…')) socket.end(answer);
      else socket.write(`${answer}\0`);
    });
  });
  server = listening;
  await new Promise<void>((resolve) => listening.listen(path.join(folder, 'cni.sock'), resolve));
  return requests;
}

describe('the shim', () => {
  test('passes variables and configuration on, in the form that the agent reads', async () => {
    const requests = await agent('0{"cniVersion":"1.1.0"}');
    expect(await run('patient', ADD, CONFIG)).toEqual({ status: 0, stdout: '{"cniVersion":"1.1.0"}' });
    expect(requests).toHaveLength(1);
    expect(parseCniRequest(requests[0] ?? '')).toMatchObject({
      command: 'ADD',
      containerId: 'abc123',
      netns: '/run/netns/x',
      ifname: 'eth0',
      cniVersion: '1.1.0',
      pod: { namespace: 'shop', name: 'web-0' },
    });
  });

  test('passes no other variable on', async () => {
    const requests = await agent('0');
    await run('patient', { ...ADD, AWS_SECRET_ACCESS_KEY: 'hush', CNI_OTHER: 'x' }, CONFIG);
    expect(
      requests[0]
        ?.slice(0, requests[0].indexOf('\n\n'))
        .split('\n')
        .map((line) => line.split('=')[0]),
    ).toEqual(Object.keys(ADD));
  });

  test('ends with 1 and the error object when the agent refuses', async () => {
    await agent('1{"code":100,"msg":"no address left"}');
    expect(await run('patient', ADD, CONFIG)).toEqual({ status: 1, stdout: '{"code":100,"msg":"no address left"}' });
  });

  test('carries configurations and replies of hundreds of kilobytes', async () => {
    const large = JSON.stringify({ 'cni.dev/valid-attachments': 'x'.repeat(900_000) });
    const requests = await agent(`0${large}`);
    expect((await run('patient', ADD, large)).stdout).toBe(large);
    expect(requests[0]?.endsWith(large)).toBe(true);
  });

  test('waits for an agent that is not there yet', async () => {
    const outcome = run('patient', ADD, CONFIG);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await agent('0{}');
    expect(await outcome).toEqual({ status: 0, stdout: '{}' });
  });

  test('asks again when the agent is killed before it answers', async () => {
    const requests = await agent(undefined, '0{"cniVersion"…', '0{}');
    expect(await run('patient', ADD, CONFIG)).toEqual({ status: 0, stdout: '{}' });
    expect(new Set(requests).size).toBe(1);
    expect(requests).toHaveLength(3);
  });

  test('gives up on an agent that hangs up time after time', async () => {
    const requests = await agent();
    const { status, stdout } = await run('patient', ADD, CONFIG);
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ code: 11, details: 'the agent went away before it answered' });
    expect(requests).toHaveLength(5);
  });

  test('says "try again later", in the version of the caller, when no agent came', async () => {
    const { status, stdout } = await run('hasty', ADD, CONFIG);
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toEqual({
      cniVersion: '1.1.0',
      code: 11,
      msg: expect.stringContaining('the Weft agent of this node does not answer at'),
      details: 'No such file or directory',
    });
  });

  test('says so too when the agent never answers', async () => {
    server = net.createServer((socket) => {
      socket.on('error', () => undefined).resume();
    });
    await new Promise<void>((resolve) => server?.listen(path.join(folder, 'cni.sock'), resolve));
    const { status, stdout } = await run('patient', ADD, CONFIG);
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ code: 11, details: 'Resource temporarily unavailable' });
  });

  test('refuses a reply that is not in the protocol', async () => {
    await agent('HTTP/1.1 400 Bad Request');
    const { status, stdout } = await run('patient', ADD, CONFIG);
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ code: 5, msg: "the agent's reply begins with neither 0 nor 1" });
  });
});

describe('DEL', () => {
  const DEL = { ...ADD, CNI_COMMAND: 'DEL', CNI_NETNS: '' };

  test('goes to the agent when there is one, and keeps nothing', async () => {
    const requests = await agent('0');
    expect(await run('patient', DEL, CONFIG)).toEqual({ status: 0, stdout: '' });
    expect(requests).toHaveLength(1);
    expect(existsSync(path.join(folder, 'state'))).toBe(false);
  });

  test('succeeds without an agent, and is kept as the request that it was', async () => {
    expect(await run('hasty', DEL, CONFIG)).toEqual({ status: 0, stdout: '' });
    expect(await run('hasty', DEL, CONFIG)).toEqual({ status: 0, stdout: '' });
    expect(readdirSync(path.join(folder, 'state/pending-del'))).toEqual(['abc123-eth0']);
    const kept = readFileSync(path.join(folder, 'state/pending-del/abc123-eth0'), 'utf8');
    expect(parseCniRequest(kept)).toMatchObject({ command: 'DEL', containerId: 'abc123', ifname: 'eth0' });
  });

  test.each([
    ['CNI_CONTAINERID', '../../etc/cron.d/x'],
    ['CNI_CONTAINERID', ''],
    ['CNI_CONTAINERID', 'x'.repeat(300)],
    ['CNI_IFNAME', '../x'],
  ])('is not kept under a name that could lead elsewhere: %s=%s', async (name, value) => {
    const { status, stdout } = await run('hasty', { ...DEL, [name]: value }, CONFIG);
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ code: 11, details: 'Invalid argument' });
    expect(existsSync(path.join(folder, 'state'))).toBe(false);
  });
});

describe('STATUS', () => {
  test('does not wait: without an agent the plugin is not available', async () => {
    const { status, stdout } = await run('patient', { ...ADD, CNI_COMMAND: 'STATUS' }, CONFIG);
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ cniVersion: '1.1.0', code: 50 });
  });
});

describe('VERSION', () => {
  test.each([
    ['{"cniVersion":"0.4.0"}', '0.4.0'],
    ['{ "name": "x",\n "cniVersion" :\t"1.1.0" }', '1.1.0'],
    ['{"cniVersion":"1\\", \\"x"}', '1.0.0'],
    ['', '1.0.0'],
  ])('needs no agent, and repeats the version of %j', async (input, cniVersion) => {
    const { status, stdout } = await run('patient', { CNI_COMMAND: 'VERSION' }, input);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ cniVersion, supportedVersions: ['0.4.0', '1.0.0', '1.1.0'] });
  });
});

describe('input out of bounds', () => {
  test.each([
    ['a variable of two lines', { ...ADD, CNI_ARGS: 'a=b\nCNI_COMMAND=DEL' }, CONFIG, 4, 'CNI_ARGS'],
    ['a variable of ten thousand bytes', { ...ADD, CNI_NETNS: 'x'.repeat(10_000) }, CONFIG, 4, 'CNI_NETNS'],
    ['a configuration of a megabyte', ADD, ' '.repeat(1 << 20), 5, ''],
    ['a configuration with a zero byte', ADD, '{\0}', 6, ''],
  ])('is refused by name: %s', async (_, env, input, code, details) => {
    const { status, stdout } = await run('hasty', env, input);
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ code, details });
  });
});
