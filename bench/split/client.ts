import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { type ClusterConfig, kubeconfigOf } from '../../lab/cluster/config.ts';
import { WEFT_IMAGE } from '../../lab/images/images.ts';
import { labEnv } from '../../lab/setup/shell.ts';

/** A change of who answers, as the client saw it. */
export interface Turn {
  /** When the first answer of `version` was there; the machine's clock, milliseconds since the epoch. */
  readonly atMs: number;
  readonly version: string;
  /** Since the turn before. */
  readonly answers: number;
  readonly failures: number;
}

export const CLIENT = 'observer';

/** One request after the other over one connection, a millisecond apart; says a line when another version answers. */
const PROGRAM = `
const http = require('node:http');
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
let last, answers = 0, failures = 0;
const ask = () => new Promise((resolve) => {
  const request = http.get('http://web/', { agent, timeout: 5000 }, (response) => {
    const atMs = performance.timeOrigin + performance.now();
    let text = '';
    response.on('data', (chunk) => { text += chunk; });
    response.on('end', () => resolve(response.statusCode === 200 ? { atMs, version: JSON.parse(text).version } : undefined));
    response.on('error', () => resolve(undefined));
  });
  request.on('timeout', () => request.destroy());
  request.on('error', () => resolve(undefined));
});
(async () => {
  for (;;) {
    const answer = await ask();
    if (answer === undefined) failures += 1;
    else {
      answers += 1;
      if (answer.version !== last) {
        console.log(JSON.stringify({ ...answer, answers, failures }));
        [last, answers, failures] = [answer.version, 0, 0];
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
})();
`;

export function clientPod(namespace: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name: CLIENT },
    spec: {
      terminationGracePeriodSeconds: 0,
      containers: [
        {
          ...{ name: 'client', image: WEFT_IMAGE, imagePullPolicy: 'Never' },
          command: ['/usr/bin/node', '-e', PROGRAM],
        },
      ],
    },
  };
}

/** Follows the client's log: times are the client's own, so that the way of the log does not count. */
export class ClientLog {
  readonly turns: Turn[] = [];
  readonly #child: ChildProcess;

  constructor(config: ClusterConfig, namespace: string) {
    const args = ['--kubeconfig', kubeconfigOf(config), '-n', namespace, 'logs', '-f', CLIENT, '-c', 'client'];
    const child = spawn('kubectl', args, { stdio: ['ignore', 'pipe', 'inherit'], env: labEnv() });
    createInterface({ input: child.stdout }).on('line', (line) => this.turns.push(JSON.parse(line) as Turn));
    this.#child = child;
  }

  stop(): void {
    this.#child.kill();
  }
}
