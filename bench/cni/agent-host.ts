/**
 * The agent of one node in a process of its own, in whatever network namespace that process was started: NodeAgent with
 * its mesh, as src/cmd/agent.ts has it, but told by the benchmark instead of an operator.
 */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { ChainedAgent } from '../../src/agent/chained/agent.ts';
import { NodeAgent, type NodeAgentOptions } from '../../src/agent/node-agent.ts';
import { NodeMesh } from '../../src/cmd/node-mesh.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { parseUpdate } from '../../src/stream/parse-update.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { updateOf } from '../update-of.ts';
import type { AgentAnswer, AgentRequest } from './weft-node.ts';

const [folder = '', shim = '', mode = 'primary'] = process.argv.slice(2);
const cni = { config: path.join(folder, 'net.d'), programs: path.join(folder, 'programs') };
for (const name of Object.values(cni)) mkdirSync(name, { recursive: true });
const logger = createLogger({ level: 'error', format: 'text', clock: systemClock });
const mesh = new NodeMesh(path.join(folder, 'state'), () => undefined, logger);
const options: NodeAgentOptions = {
  version: 'bench',
  observer: { cniAnswered: () => undefined, repaired: () => undefined, policyOpened: () => undefined },
  stateFolder: path.join(folder, 'state'),
  runFolder: path.join(folder, 'run'),
  runOfNode: '/run',
  cni,
  bird: ['/usr/sbin/bird'],
  programs: { shim, loopback: shim },
  mesh: (resources) => mesh.start(resources),
  services: 'Always',
  clock: systemClock,
  logger,
};
const agent = mode === 'chained' ? new ChainedAgent(options) : new NodeAgent(options);
await agent.start();
// An operator that answers at once: released addresses are forgotten, new ones are known, further blocks there are none.
agent.attach({
  setLeases: () => undefined,
  reportNode: () => undefined,
  requestBlock: async () => ({ problem: 'the benchmark gives no further block' }),
  giveBack: async () => 'the benchmark takes no block back',
  requestLoans: async () => ({
    over: [],
    loans: [],
    blocks: [...agent.resources.all('block')].map(([, { uid }]) => uid),
  }),
  requestForgotten: async (addresses) => addresses,
  requestKnown: async () => undefined,
  arePresent: () => true,
});

/** From the bytes of the update to the kernel's last answer. */
async function apply(update: Uint8Array): Promise<AgentAnswer> {
  const [started, cpu] = [performance.now(), process.cpuUsage()];
  const parsed = parseUpdate(updateOf(update), ({ kind, key }) => agent.resources.versionOf(kind, key));
  const refused = await agent.apply(parsed.update);
  const wallMs = performance.now() - started;
  const { user, system } = process.cpuUsage(cpu);
  const problems = [...parsed.errors, ...refused].map(({ kind, key, message }) => `${kind} ${key}: ${message}`);
  return { wallMs, cpuMs: (user + system) / 1000, problems };
}

async function teardown(): Promise<AgentAnswer> {
  return { wallMs: 0, cpuMs: 0, problems: await agent.teardown({ force: false }) };
}

process.on('message', (request: AgentRequest) => {
  const answer = request.update === undefined ? teardown() : apply(Buffer.from(request.update, 'base64'));
  void answer.then((of) => process.send?.(of));
});
process.on('disconnect', () => {
  mesh.close();
  void agent.stop().then(() => process.exit());
});
process.send?.({ wallMs: 0, cpuMs: 0, problems: [] } satisfies AgentAnswer);
