import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { STATE } from '../../lab/setup/paths.ts';
import { run } from '../../lab/setup/shell.ts';
import type { Pod } from '../../src/api/kubernetes.ts';
import { NetnsLab } from '../../test/dataplane/netns-lab.ts';
import type { Benchmark, Report } from '../benchmark.ts';
import { TimedExec } from '../cni/timed-exec.ts';
import { WeftNode } from '../cni/weft-node.ts';
import { measureLabelChange } from './label-change.ts';
import { OperatorSide } from './operator-side.ts';
import { attachPods } from './pods.ts';
import { listTable, prepareReload } from './reload.ts';
import { measureThroughput, openStream, type Stream } from './throughput.ts';
import { appName, createWorld, NODES, nodeName, PODS, POLICIES, type World } from './world.ts';

const NODE = nodeName(0);
const NODE_ADDRESS = '192.0.2.1';

export const policy: Benchmark = {
  name: 'policy',
  about: `${POLICIES} policies and ${PODS} pods: a label change until the kernel has it, and TCP through the table`,
  estimate: '3 min',
  run: measureAll,
};

interface Tools {
  readonly lab: NetnsLab;
  readonly timer: TimedExec;
  readonly folder: string;
}

async function measureAll(): Promise<Report> {
  mkdirSync(STATE, { recursive: true });
  const folder = mkdtempSync(path.join(STATE, 'bench-policy-'));
  const lab = new NetnsLab();
  const tools = { lab, timer: new TimedExec(folder), folder };
  const closing: (() => Promise<void>)[] = [];
  try {
    return await measure(tools, createWorld(), (close) => closing.push(close));
  } finally {
    for (const close of closing.reverse()) await close();
    lab.close();
    rmSync(folder, { recursive: true });
  }
}

async function measure(tools: Tools, world: World, later: (close: () => Promise<void>) => void): Promise<Report> {
  const start = async (name: string) => WeftNode.start(tools.lab, name, NODE_ADDRESS, path.join(tools.folder, name));
  const operator = new OperatorSide(world, NODE);
  const node = await start('full');
  later(() => node.stop());
  for (const update of operator.initialUpdates()) await node.apply(update);
  const pods = world.pods.filter(({ spec }) => spec.nodeName === NODE);
  const namespaces = await attachPods(tools, node, pods);

  const deps = { operator, node, reload: await prepareReload(tools, node) };
  const local = required(pods[2]);
  const remote = required(world.pods.find((pod) => isPeer(pod) && pod.spec.nodeName !== NODE));
  const ofNode = await measureLabelChange(deps, 'a pod of the node', local, otherApp(local));
  const ofOther = await measureLabelChange(deps, 'a pod elsewhere', remote, otherApp(remote));

  const [server, client] = [required(pods[0]), required(pods[1])];
  const address = server.status?.podIP ?? '';
  const open = async (at: readonly string[]): Promise<Stream> => {
    const stream = await openStream(required(at[1]), required(at[0]), address);
    later(() => stream.close());
    return stream;
  };
  const full = await open(namespaces);
  const unpoliced = new OperatorSide({ ...world, pods: [server, client], policies: [] }, NODE);
  const updates = [...unpoliced.initialUpdates()];
  const openOther = async (name: string, isBare: boolean) => {
    const other = await start(name);
    later(() => other.stop());
    for (const update of updates) await other.apply(update);
    const stream = await open(await attachPods(tools, other, [server, client]));
    if (isBare) await removeTable(other);
    return stream;
  };
  const what = 'TCP between two pods of the node';
  const empty = await measureThroughput(`${what}, against an empty table`, full, await openOther('empty', false));
  const bare = await measureThroughput(`${what}, against no table`, full, await openOther('bare', true), 'no goal');
  return {
    rows: [...ofNode.rows, ...ofOther.rows, empty.row, bare.row],
    notes: notesOf(await listTable(node), pods.length),
    samples: { ofNode: ofNode.samples, ofOther: ofOther.samples, empty: empty.samples, bare: bare.samples },
  };
}

/** Its agent goes first: it would put the table back. */
async function removeTable(node: WeftNode): Promise<void> {
  await node.stop();
  await run('nsenter', [`--net=${node.netnsPath}`, 'nft', 'delete', 'table', 'inet', 'weft']);
}

function notesOf(table: string, podsOfNode: number): readonly string[] {
  const count = (pattern: RegExp) => table.match(pattern)?.length ?? 0;
  return [
    `${PODS} pods and ${POLICIES} policies in 100 namespaces on ${NODES} nodes, all of it in the operator's model (bench/policy/world.ts). The node measured has ${podsOfNode} pods, connected by ADD, and a table of ${count(/chain [ie]_/g)} pod chains and ${count(/set s_/g)} address sets; the largest set holds all pods.`,
    'A change is one pod whose label `app` becomes another and, with the next change, its own again. A pod of the node: its chains change, and the sets that it leaves and joins. A pod elsewhere: sets only. Before the clock starts it is checked with `nft list` that the kernel has changed when the agent says so, and is as before after the way back. Changes come one right after the other, so the copy that the agent saves to disk every 500 ms falls into some of them. Few connections are open: a node with many pays for looking through conntrack when policy tightens.',
    "agent: in its own process, from the bytes of the update to the last answer of the kernel. operator: from the watch event to the update for this node, in process; API server, network, the 2 ms that changes are collected for, and the other nodes' updates are left out. CPU: of the whole process meanwhile, garbage collection and pool threads too.",
    'Baseline of changes: `nft -f` spawned with the whole table of the node, timed as in the benchmark cni, in a namespace without traffic. To compute and write that text is not in it.',
    'TCP: iperf3, one stream of 1 s each time, as the receiver counts. Empty table: a node of Weft with the same two pods and no policy. No table: the same with its agent stopped and the table deleted, so without conntrack too.',
  ];
}

/** Of the first namespace's `app-1`: the node's first pod lets it in. */
function isPeer({ metadata }: Pod): boolean {
  return metadata.namespace === 'ns-0' && metadata.labels?.['app'] === appName(1);
}

function otherApp({ metadata }: Pod): string {
  return appName(Number(metadata.labels?.['app']?.slice('app-'.length)) + 10);
}

function required<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the world lacks what the benchmark is about');
  return value;
}
