import { step } from '../../lab/setup/progress.ts';
import type { Benchmark, Report } from '../benchmark.ts';
import { worldOf } from '../simulated/world.ts';
import { type AgentSide, measureAgentSide } from './agent-side.ts';
import { measureOperatorSide, type OperatorSide } from './operator-side.ts';
import { notesOf } from './notes.ts';
import { agentRows, operatorRows } from './rows.ts';

const CHANGES = 100;
const AGENT_CHANGES = 150;
const SERVICES = { all: 1_000, few: 100 } as const;
/** 20 meshed pods on each of 1,000 nodes, of which 10 are endpoints of each service. */
const WORLD = worldOf({ nodes: 1_000, replicas: 20, ready: 10, isMeshed: true });
/** As many pods, of a tenth of the services. */
const FEW = worldOf({ nodes: 1_000, namespaces: 10, replicas: 200, ready: 10, isMeshed: true });

export interface MeshMeasured {
  readonly operator: OperatorSide;
  /** The same among 100 services. */
  readonly operatorAmongFew: OperatorSide;
  readonly agent: AgentSide;
}

export const mesh: Benchmark = {
  name: 'mesh',
  about: '1,000 meshed services of 10 endpoints on 1,000 simulated nodes of 20 proxies; against 100 services',
  estimate: '20 min',
  run,
};

async function run(): Promise<Report> {
  const agent = await step('agent', () => measureAgentSide(SERVICES.all, SERVICES.few, AGENT_CHANGES), '6 min');
  const operatorAmongFew = await step('100 services', () => measureOperatorSide(FEW, CHANGES), '6 min');
  const operator = await step('1,000 services', () => measureOperatorSide(WORLD, CHANGES), '8 min');
  const measured: MeshMeasured = { operator, operatorAmongFew, agent };
  return {
    rows: [...operatorRows(operator, operatorAmongFew), ...agentRows(agent)],
    notes: notesOf(measured),
    samples: measured,
  };
}
