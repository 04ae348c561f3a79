import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { kubectl, prepareMachine } from '../../lab/cluster/cluster.ts';
import { type ClusterConfig, kubeconfigOf, netnsOf, nodeAddress, stateOf } from '../../lab/cluster/config.ts';
import { startControlPlane, stopControlPlane } from '../../lab/cluster/control-plane.ts';
import { createNetwork, deleteNetwork } from '../../lab/cluster/network.ts';
import { kubeProxyCommand } from '../../lab/cluster/node.ts';
import { STATE } from '../../lab/setup/paths.ts';
import { until } from '../../lab/setup/shell.ts';
import { ServiceTable } from '../../src/agent/dataplane/nft/services/service-table.ts';
import { Netns } from '../../src/agent/dataplane/netns.ts';
import type { Service } from '../../src/api/kubernetes.ts';
import { KubeClient } from '../../src/kube/client.ts';
import { loadConnection } from '../../src/kube/connection.ts';
import { KINDS, objectPath } from '../../src/kube/kinds.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { NetnsLab } from '../../test/dataplane/netns-lab.ts';
import type { Benchmark, Report, Row } from '../benchmark.ts';
import { type Comparison, compare } from '../interleave.ts';
import { showEstimate } from '../results.ts';
import { estimate, quantile } from '../statistics.ts';
import { buildConnections, ServingPods, TableChanges } from './nodes.ts';
import { startWeftSide } from './weft-side.ts';
import { createServices, PORT, rulesOf, SERVERS, SERVICES, serviceName, sliceOf, TARGET_PORT } from './world.ts';

/** Addresses that are dialled, the first of every table. */
const DIALLED = 10;
const PAIRS = 15;
const GOAL = { flat: 0.95, changeMs: 50 } as const;
const CHANGES = 100;
/** kube-proxy writes at most once a second. */
const PAUSE_MS = 1_300;
const PATIENCE_MS = 20_000;
const CONFIG: ClusterConfig = { name: 'bench', subnet: '172.30.3', nodes: ['node-1', 'node-2'] };

export const services: Benchmark = {
  name: 'services',
  about: `connections through 10, 1,000 and ${SERVICES} Services, and a change of endpoints until the kernel has it, beside kube-proxy`,
  estimate: '11 min',
  run: measureAll,
};

async function measureAll(): Promise<Report> {
  await prepareMachine();
  mkdirSync(STATE, { recursive: true });
  mkdirSync(stateOf(CONFIG), { recursive: true });
  const folder = mkdtempSync(path.join(STATE, 'bench-services-'));
  const lab = new NetnsLab();
  const closing: (() => unknown)[] = [() => rmSync(folder, { recursive: true }), () => lab.close()];
  const later = (close: () => unknown) => closing.push(close);
  try {
    later(() => rmSync(stateOf(CONFIG), { recursive: true, force: true }));
    later(() => deleteNetwork(CONFIG));
    await createNetwork(CONFIG);
    later(() => stopControlPlane(CONFIG));
    await startControlPlane(CONFIG);
    const api = new KubeClient(loadConnection({ from: 'file', path: kubeconfigOf(CONFIG) }, systemClock), systemClock);
    later(() => api.close());
    return await measure(api, lab, folder, later);
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

async function measure(
  api: KubeClient,
  lab: NetnsLab,
  folder: string,
  later: (close: () => unknown) => void,
): Promise<Report> {
  const all = await createServices(api);
  const program = buildConnections(folder);
  const addresses = all.slice(0, DIALLED).map(({ spec }) => spec.clusterIP ?? '');
  const pods = (node: Netns, name: string) => {
    const serving = ServingPods.start(lab, node, name, program);
    later(() => serving.stop());
    return { serving, rate: () => serving.rate(addresses) };
  };
  const static_ = async (count: number) => {
    const node = lab.addNode(`services-${count}`);
    const table = new ServiceTable(node.path);
    await table.reset(rulesOf(all.slice(0, count)));
    later(() => table.close());
    return pods(node, `n${count}x`);
  };
  const ten = await static_(DIALLED);
  const thousand = await static_(1_000);
  const tenThousand = await static_(SERVICES);

  const [weftNode, proxyNode] = CONFIG.nodes.map((node) => Netns.open(`/run/netns/${netnsOf(CONFIG, node)}`)) as [
    Netns,
    Netns,
  ];
  const stop = new AbortController();
  later(() => stop.abort());
  const { table } = await startWeftSide(api, weftNode.path, path.join(folder, 'agent'), stop.signal);
  later(() => table.close());
  const proxied = pods(proxyNode, 'proxy');
  await startKubeProxy(proxyNode, proxied.rate, later);
  [proxied.serving.opened, proxied.serving.refused] = [0, 0];

  const flat = [
    await compareRates('1,000 Services, against 10', thousand.rate, ten.rate, GOAL.flat),
    await compareRates(`${SERVICES.toLocaleString('en')} Services, against 10`, tenThousand.rate, ten.rate, GOAL.flat),
    await compareRates(
      `${SERVICES.toLocaleString('en')} Services, against kube-proxy's`,
      tenThousand.rate,
      proxied.rate,
    ),
  ];
  const refusals = (of: readonly { readonly serving: ServingPods }[]) => {
    const sum = (part: 'opened' | 'refused') => of.reduce((total, { serving }) => total + serving[part], 0);
    return `${sum('refused')} of ${sum('opened')}`;
  };
  const refused = `Connections refused, though every Service had endpoints: Weft ${refusals([ten, thousand, tenThousand])}, kube-proxy ${refusals([proxied])} (those before its first sync not counted).`;
  const change = await measureChanges(api, all, weftNode, proxyNode, later);
  return {
    rows: [...flat.map(({ row }) => row), change.row],
    notes: [...NOTES, refused],
    samples: { flat, change: change.samples },
  };
}

async function startKubeProxy(node: Netns, rate: () => Promise<number>, later: (close: () => unknown) => void) {
  const name = CONFIG.nodes[1] ?? '';
  await kubectl(CONFIG, ['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'Node', metadata: { name } }));
  const status = { addresses: [{ type: 'InternalIP', address: nodeAddress(CONFIG, name) }] };
  await kubectl(CONFIG, [
    'patch',
    'node',
    name,
    '--subresource=status',
    '--type=merge',
    '-p',
    JSON.stringify({ status }),
  ]);
  const [program = '', ...words] = kubeProxyCommand(CONFIG, name);
  const child = spawn('nsenter', [`--net=${node.path}`, program, ...words], { stdio: 'ignore' });
  later(() => child.kill());
  await until('kube-proxy routes', 120_000, async () => ((await rate()) > 0 ? true : undefined));
}

async function compareRates(
  what: string,
  candidate: () => Promise<number>,
  baseline: () => Promise<number>,
  goal?: number,
): Promise<{ readonly row: Row; readonly samples: Comparison }> {
  const samples = await compare(candidate, baseline, PAIRS);
  const row: Row = {
    what: `connections: ${what}`,
    measured: showEstimate(samples.candidate, ' /s'),
    baseline: showEstimate(samples.baseline, ' /s'),
    ratio: showEstimate(samples.ratio),
    noise: showEstimate(samples.noise),
    goal: goal === undefined ? '' : `≥ ${goal}`,
    isMet: goal === undefined ? undefined : samples.ratio.median >= goal,
  };
  return { row, samples };
}

/** One endpoint leaves a Service, and comes back with the next change; both nodes hear of each. */
async function measureChanges(
  api: KubeClient,
  all: readonly Service[],
  weftNode: Netns,
  proxyNode: Netns,
  later: (close: () => unknown) => void,
): Promise<{ readonly row: Row; readonly samples: object }> {
  const [weft, proxy] = [new TableChanges(weftNode), new TableChanges(proxyNode)];
  later(() => weft.stop());
  later(() => proxy.stop());
  await sleep(PAUSE_MS * 3);
  const samples = { weft: [] as number[], proxy: [] as number[] };
  for (let index = 0; index < CHANGES; index += 1) {
    const name = serviceName((Math.floor(index / 2) * 97) % all.length);
    const { endpoints } = sliceOf(name, index % 2 === 0 ? SERVERS.slice(0, 1) : SERVERS);
    weft.mark();
    proxy.mark();
    await api.request('PATCH', objectPath(KINDS.endpointSlice, { namespace: 'default', name }), {
      contentType: 'application/merge-patch+json',
      body: { endpoints },
    });
    const answeredMs = performance.now();
    const seen = await until(`the change of ${name} reaches both kernels`, PATIENCE_MS, async () =>
      weft.firstMs === undefined || proxy.firstMs === undefined ? undefined : [weft.firstMs, proxy.firstMs],
    );
    samples.weft.push((seen[0] ?? 0) - answeredMs);
    samples.proxy.push((seen[1] ?? 0) - answeredMs);
    await sleep(PAUSE_MS + Math.random() * 200);
  }
  const show = (of: readonly number[]) =>
    `${showEstimate(estimate(of), ' ms')}, p99 ${quantile(of, 0.99).toFixed(1)} ms`;
  const p99 = quantile(samples.weft, 0.99);
  const row: Row = {
    what: `endpoint change → kernel, ${SERVICES.toLocaleString('en')} Services, beside kube-proxy's`,
    measured: show(samples.weft),
    baseline: show(samples.proxy),
    ratio: (quantile(samples.weft, 0.5) / quantile(samples.proxy, 0.5)).toPrecision(3),
    noise: '',
    goal: `p99 ≤ ${GOAL.changeMs} ms`,
    isMet: p99 <= GOAL.changeMs,
  };
  return { row, samples };
}

const NOTES: readonly string[] = [
  `Connections: one client process opens a TCP connection after the other (bench/services/connections.c) to ${DIALLED} Services in turn, port ${PORT}, for half a second each time, and resets each; two pods on the same node accept them on port ${TARGET_PORT}. Each table is on a node (network namespace) of its own, with the same three pods and no policy.`,
  `kube-proxy: version of lab/binaries/go.mod, nftables mode, conntrack settings left alone, fed with the same ${SERVICES} Services by a real API server. Weft's tables are filled with what is translated from the same objects.`,
  `Change: an endpoint leaves one Service of ${SERVICES} and comes back with the next change, ${CHANGES} changes, at least ${PAUSE_MS} ms apart, because kube-proxy writes at most once a second. From the API server's answer to the PATCH to the kernel's count of transactions, looked at every millisecond, in each node's namespace; both proxies hear of each change at the same moment and share the machine. Weft: the operator's and the agent's code in the process of the benchmark, with the encoded node stream between them, without its TCP connection. A change may be in the kernel before the API server's answer has arrived: such samples are below zero.`,
];
