import { execFile, execFileSync } from 'node:child_process';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { AnyResource } from '../../bench/cni/weft-node.ts';
import { AGENT_OUTSIDE, AGENT_POOL, AgentLab } from './agent-lab.ts';

/** Pods born one after the other, four at a time, each denied one burning a core from before its network is there. */
const BIRTHS = 200;
const AT_ONCE = 4;
const ALLOWED_PORT = 8000;
const DENIED_PORT = 7000;

const lab = new AgentLab();
const newborn = path.join(lab.folder, 'newborn');
let server = '';

beforeAll(async () => {
  execFileSync('gcc', ['-O2', '-o', newborn, path.join(import.meta.dirname, 'newborn.c')]);
  await lab.start();
  const more = ['10.42.0.64/26', '10.42.0.128/26', '10.42.0.192/26', '10.42.1.0/26'];
  await lab.node.put(
    more.map((cidr): AnyResource => ['block', cidr, { uid: cidr, cidr, pool: AGENT_POOL.name, poolUid: 'p' }]),
  );
  await lab.tell('server');
  server = lab.cni('ADD', 'server').ips?.[0]?.address.replace(/\/.*/, '') ?? '';
  const listener = await lab.traffic(lab.netnsOf('server'));
  await listener.listenTcp(ALLOWED_PORT);
  await lab.node.put([
    ['addressSet', 'servers', { type: 'ip', members: [server] }],
    ['chain', 'only-web', { rules: [WEB], otherwise: 'deny' }],
  ]);
  for (const netns of [lab.netnsOf('server'), lab.outsidePath]) {
    execFileSync('nsenter', [`--net=${netns}`, 'nft', COUNT_DENIED]);
  }
}, 60_000);
afterAll(() => lab.close());

const WEB = {
  ...{ action: 'allow' as const, origin: 'NetworkPolicy shop/web', peers: ['servers'] },
  ports: [{ protocol: 'TCP' as const, from: ALLOWED_PORT, to: ALLOWED_PORT }],
};
const COUNT_DENIED =
  'add table inet count; add chain inet count in { type filter hook prerouting priority -300; };' +
  `add rule inet count in meta l4proto { tcp, udp } th dport ${DENIED_PORT} counter`;

test('closed at birth: of 200 pods nothing that policy denies gets out, and what it allows connects at the first try', async () => {
  const names = Array.from({ length: BIRTHS }, (_, index) => `born-${index}`);
  const said: { readonly name: string; readonly isAllowed: boolean; readonly words: string }[] = [];
  const waiting = [...names.entries()];
  const bear = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [index, name] = next;
      const isAllowed = index % 2 === 0;
      // Every other one of the denied calls out of the cluster.
      const target = index % 4 === 1 ? AGENT_OUTSIDE : server;
      await lab.tell(name, { egressChain: 'only-web' });
      const words = await birth(name, isAllowed ? ['allow', server, ALLOWED_PORT] : ['deny', target, DENIED_PORT]);
      said.push({ name, isAllowed, words });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, bear));
  const allowed = said.filter(({ isAllowed }) => isAllowed);
  expect(allowed.filter(({ words }) => words !== 'connected 0')).toEqual([]);
  expect(allowed).toHaveLength(BIRTHS / 2);
  // Their own kernel took what they sent: it was the node that let none of it pass.
  expect(said.filter(({ isAllowed, words }) => !isAllowed && Number(words) === 0)).toEqual([]);
  expect(arrivedDenied()).toEqual([0, 0]);
}, 120_000);

test('the same pod without a policy is heard', async () => {
  await lab.tell('free');
  expect(Number(await birth('free', ['deny', server, DENIED_PORT]))).toBeGreaterThan(0);
  expect(arrivedDenied()[0]).toBeGreaterThan(0);
});

/** At the server, and outside of the cluster. */
function arrivedDenied(): number[] {
  return [lab.netnsOf('server'), lab.outsidePath].map((netns) => {
    const listed = execFileSync('nsenter', [`--net=${netns}`, 'nft', 'list', 'table', 'inet', 'count'], {
      encoding: 'utf8',
    });
    return Number(/packets (\d+)/.exec(listed)?.[1]);
  });
}

function birth(name: string, [mode, address, port]: readonly [string, string, number]): Promise<string> {
  const { program, input, variables } = lab.job(name);
  const args = [mode, variables['CNI_NETNS'] ?? '', address, String(port), program];
  return new Promise((resolve, reject) => {
    const child = execFile(newborn, args, { env: variables }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout.trim());
      else reject(new Error(`birth of ${name}: ${error.message} ${stdout} ${stderr}`));
    });
    child.stdin?.end(input);
  });
}
