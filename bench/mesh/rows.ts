import type { Row } from '../benchmark.ts';
import { showEstimate } from '../results.ts';
import { estimate, quantile, ratios } from '../statistics.ts';
import { type AgentSide, MORE } from './agent-side.ts';
import type { EndpointChange } from './endpoint-changes.ts';
import type { OperatorSide, Shared } from './operator-side.ts';

const GOAL = { p50Ms: 100, p99Ms: 1_000, proxyMB: 0.5 } as const;
const BLANK = { baseline: '', ratio: '', noise: '', goal: '', isMet: undefined } as const;

export function operatorRows(side: OperatorSide, few: OperatorSide): Row[] {
  const { changes } = side.changing.times;
  const fewer = few.changing.times.changes;
  const last = changes.map(({ lastMs }) => lastMs);
  const watched = changes.map(({ watchMs }) => watchMs);
  const whole = (of: readonly EndpointChange[], after: keyof EndpointChange) =>
    of.map((change) => change.answerMs + change[after]);
  const bare = whole(changes, 'watchMs');
  const isMet = quantile(last, 0.5) <= GOAL.p50Ms && quantile(last, 0.99) <= GOAL.p99Ms;
  const row = (what: string, after: 'firstMs' | 'lastMs'): Row => ({
    ...BLANK,
    what: `an endpoint of a service goes or comes → ${what}`,
    measured: withTail(changes.map((change) => change[after])),
    baseline: `bare watch: ${withTail(watched)}`,
    ratio: showEstimate(estimate(ratios(whole(changes, after).map((ms, index) => [ms, bare[index] ?? Number.NaN])))),
    noise: noiseOf(bare),
  });
  const goal = `p50 ≤ ${GOAL.p50Ms} ms, p99 ≤ ${GOAL.p99Ms} ms`;
  const [lastWhole, fewWhole] = [whole(changes, 'lastMs'), whole(fewer, 'lastMs')];
  return [
    row('the first node has acknowledged', 'firstMs'),
    { ...row('the last of 1,000 nodes has acknowledged', 'lastMs'), goal, isMet },
    {
      ...BLANK,
      what: 'the same, against 100 services',
      measured: withTail(last),
      baseline: `among 100 services: ${withTail(fewer.map(({ lastMs }) => lastMs))}`,
      ratio: showEstimate(estimate(ratios(lastWhole.map((ms, index) => [ms, fewWhole[index] ?? Number.NaN])))),
      noise: noiseOf(fewWhole),
    },
    compared('operator: CPU per change', side, few, cpuPerChange),
    compared('operator: memory, nothing changes', side, few, ({ idle }) => ({
      value: quantile(idle.operator.memoryMB, 0.5),
      text: `${showEstimate(estimate(idle.operator.memoryMB), ' MB')}, most ${most(idle)} MB`,
    })),
    compared('operator: a minute in which nothing changes', side, few, ({ idle: { operator } }) => {
      const seconds = (operator.cpuS / operator.seconds) * 60;
      return { value: seconds, text: `${seconds.toFixed(1)} s CPU` };
    }),
    compared('1,000 nodes that hold nothing connect at once to a new operator → all in step', side, few, ({ storm }) =>
      storming(storm),
    ),
    compared('the same, of nodes that hold everything', side, few, ({ returning }) => storming(returning)),
  ];
}

export function agentRows({ coming, atOnce, comingAmongFew, changes, changesAmongFew, startMs }: AgentSide): Row[] {
  const [took, fewTook] = [changes, changesAmongFew].map((all) => all.map(({ tookMs }) => tookMs));
  const [cpu, fewCpu] = [changes, changesAmongFew].map((all) => all.map(({ cpuMs }) => cpuMs));
  const resident = coming.map(({ residentMB }) => residentMB);
  const fewer = comingAmongFew.map(({ residentMB }) => residentMB);
  const beside = (what: string, all: readonly number[], few: readonly number[], unit: string): Row => ({
    ...BLANK,
    what: `agent: ${what}`,
    measured: unit === ' ms' ? withTail(all) : showEstimate(estimate(all), unit),
    baseline: `among 100 services: ${unit === ' ms' ? withTail(few) : showEstimate(estimate(few), unit)}`,
    ratio: showEstimate(estimate(ratios(all.map((value, index) => [value, few[index] ?? Number.NaN])))),
    noise: noiseOf(few),
  });
  const isMet = quantile(resident, 0.5) <= GOAL.proxyMB;
  const held = showEstimate(estimate(coming.map(({ heldMB }) => heldMB)), ' MB');
  return [
    { ...beside('memory per proxy, which come one after the other', resident, fewer, ' MB'), goal: '≤ 0.5 MB', isMet },
    { ...BLANK, what: 'agent: the same, of heap and buffers after a collection', measured: held },
    {
      ...BLANK,
      what: `agent: memory per proxy, ${MORE} at once`,
      measured: showEstimate(estimate(atOnce.map(({ residentMB }) => residentMB)), ' MB'),
      baseline: `one after the other: ${showEstimate(estimate(resident), ' MB')}`,
    },
    beside('endpoints change → the last of 21 proxies has acknowledged', took ?? [], fewTook ?? [], ' ms'),
    beside('CPU per change', cpu ?? [], fewCpu ?? [], ' ms'),
    {
      ...BLANK,
      what: `agent: ${MORE} proxies come at once → they have everything`,
      measured: showEstimate(estimate(startMs.atOnce), ' ms'),
      baseline: `the first one: ${startMs.one.toFixed(0)} ms`,
    },
  ];
}

interface Figure {
  readonly value: number;
  readonly text: string;
}

function compared(what: string, side: OperatorSide, few: OperatorSide, figure: (of: OperatorSide) => Figure): Row {
  const [measured, baseline] = [figure(side), figure(few)];
  return {
    ...BLANK,
    what,
    measured: measured.text,
    baseline: `among 100 services: ${baseline.text}`,
    ratio: (measured.value / baseline.value).toPrecision(3),
  };
}

/** Of the whole time of the changes, less what is used when nothing changes. */
function cpuPerChange({ changing, idle }: OperatorSide): Figure {
  const { operator, times } = changing;
  const own = operator.cpuS - (idle.operator.cpuS / idle.operator.seconds) * operator.seconds;
  const value = (own / times.changes.length) * 1000;
  return { value, text: `${value.toFixed(0)} ms` };
}

function storming(storm: Shared): Figure {
  const { seconds, cpuS } = storm.operator;
  return { value: seconds, text: `${seconds.toFixed(1)} s, ${cpuS.toFixed(1)} s CPU, most ${most(storm)} MB` };
}

function most({ operator }: Shared): string {
  return Math.max(...operator.memoryMB).toFixed(0);
}

function withTail(values: readonly number[]): string {
  return `${showEstimate(estimate(values), ' ms')}, p99 ${quantile(values, 0.99).toFixed(0)} ms`;
}

/** Each against the one before. */
function noiseOf(values: readonly number[]): string {
  return showEstimate(estimate(ratios(values.slice(1).map((value, index) => [value, values[index] ?? Number.NaN]))));
}
