import { execFile } from 'node:child_process';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Http } from './http-lab.ts';
import { MeshLab, type MeshPod, statOf } from './mesh-lab.ts';

const [NODE, STRANGER, SERVER] = ['10.9.0.254', '10.9.0.3', '10.9.0.2'] as const;
const HOOK = `http://${SERVER}:15022/drain`;

let lab: MeshLab;
let around: string;
let node: Http;
let server: MeshPod;

/** A pod with a proxy, and all others in one namespace: the node's address, which the kubelet has, and a stranger's. */
beforeAll(async () => {
  lab = await MeshLab.start();
  const [a, b] = lab.cable([[NODE, STRANGER], [SERVER]]);
  around = a;
  server = await lab.addPod('server', b, [SERVER], {
    ...{ tlsMode: 'Permissive', probePorts: [] },
    inbound: [{ port: 8080, protocol: 'HTTP', tlsMode: 'Permissive' }],
  });
  await server.application.serve(8080, 'web');
  node = await Http.start(a, 0);
}, 60_000);
afterAll(async () => {
  node.stop();
  await lab.close();
}, 30_000);

test('nobody but the node is answered, and it only what it may ask', async () => {
  const args = ['curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', '--interface', STRANGER, `${HOOK}?seconds=2`];
  const status = await new Promise((resolve) => {
    execFile('ip', ['netns', 'exec', path.basename(around), ...args], (_, stdout) => resolve(stdout));
  });
  expect(status).toBe('403');
  for (const wrong of [HOOK, `${HOOK}?seconds=0`, `${HOOK}?seconds=soon`, `http://${SERVER}:15022/?seconds=1`]) {
    expect((await node.get(wrong)).status).toBe(404);
  }
});

test('a container that ends alone is not kept back', async () => {
  lab.left = async () => 'the pod does not end';
  expect(await node.get(`${HOOK}?seconds=4`)).toMatchObject({ status: 200, body: 'the pod does not end\n' });
});

test('a pod is not kept longer than its hook says', async () => {
  lab.left = (_pod, signal) =>
    new Promise((_, reject) =>
      signal.addEventListener('abort', () => reject(new Error('nobody waits')), { once: true }),
    );
  const { body } = await node.get(`${HOOK}?seconds=1`);
  expect(body).toBe('not everybody had acknowledged that it ends when its time was over\n');
});

test('the hook ends when nobody sends any more and open requests are answered, of which no connection outlives them', async () => {
  let leave: (problem: string) => void = () => undefined;
  const asked: unknown[] = [];
  lab.left = (pod) => {
    asked.push(pod);
    return new Promise((resolve) => {
      leave = resolve;
    });
  };
  const done: string[] = [];
  const hook = node.get(`${HOOK}?seconds=4`).then(({ body }) => done.push(body));
  await lab.until('the operator is asked', () => (asked.length > 0 ? true : undefined));
  expect(asked).toEqual([{ uid: server.uid, name: 'server', namespace: 'shop' }]);

  const slow = node.get(`http://${SERVER}:8080/`, { 'x-answer-after-ms': '1500' }).then((answer) => {
    done.push('answered');
    return answer;
  });
  await lab.until('the request is open', async () =>
    (await statOf(server, 'http.inbound-8080.downstream_rq_active')) === 1 ? true : undefined,
  );
  leave('');
  await hook;
  expect(done).toEqual(['answered', 'nobody sends to it any more\n']);
  const { status, headers } = await slow;
  expect({ status, connection: headers?.connection }).toEqual({ status: 200, connection: 'close' });
});
