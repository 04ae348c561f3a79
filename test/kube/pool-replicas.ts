import { afterAll, afterEach, beforeAll } from '@jest/globals';
import type { IPBlock } from '../../src/api/generated/ipblock.ts';
import type { IPPool } from '../../src/api/generated/ippool.ts';
import type { Node } from '../../src/api/kubernetes.ts';
import { Borrower, type BorrowerDeps } from '../../src/controllers/ippool/borrow.ts';
import { BlockClaimer, type BlockRequest } from '../../src/controllers/ippool/claim.ts';
import { runIPPoolControllers } from '../../src/controllers/ippool/run.ts';
import { StatusWriter } from '../../src/kube/apply.ts';
import { EventRecorder } from '../../src/kube/events.ts';
import { collectionPath, type Kind, KINDS } from '../../src/kube/kinds.ts';
import { Reflector } from '../../src/kube/reflector.ts';
import { Store } from '../../src/kube/store.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { overlaps, parseCidr } from '../../src/lib/ip.ts';
import type { LendAnswer, LendAsk } from '../../src/model/ipam/loan.ts';
import type { Problem } from '../../src/model/problem.ts';
import { silentLog } from '../kube-room/fake-clock.ts';
import { connect, create, kube, makeNamespace, read, waitUntil } from './cluster.ts';

export const api = connect();
const stop = new AbortController();
const running: Promise<void>[] = [];
const common = { api, clock: systemClock, random: () => 0.5, log: silentLog };

function follow<T extends KubeObject>(kind: Kind<T>): Store<T> {
  const store = new Store<T>();
  running.push(new Reflector({ ...common, kind, store }).run(stop.signal));
  return store;
}

/** What one operator runs for pools: both replicas here act as leader at once, which is more than they ever do. */
function startReplica(instance: string, namespace: string): BlockClaimer {
  const pools = follow(KINDS.ipPool);
  const blocks = follow(KINDS.ipBlock);
  const nodes = follow(KINDS.node);
  const serviceCidrs = follow(KINDS.serviceCidr);
  const apply = { api, fieldManager: 'weft-ippool' };
  const controllers = runIPPoolControllers(
    {
      ...{ ...common, pools, blocks, nodes, serviceCidrs, apply, namespace },
      status: new StatusWriter({ ...apply, clock: systemClock }),
      events: new EventRecorder({ ...common, controller: 'weft.dev/operator', instance }),
      allocatedIn: () => 0,
      holderOf: () => undefined,
      onLeased: () => () => undefined,
    },
    stop.signal,
  );
  running.push(controllers);
  const lend: BorrowerDeps['lend'] = (node, ask) => {
    const lender = lenders.get(node);
    return lender === undefined ? Promise.reject(new Error(`${node} is away`)) : lender(ask);
  };
  const borrower = new Borrower({ api, blocks, nodes, lend, log: silentLog });
  return new BlockClaimer({ api, pools, blocks, nodes, serviceCidrs, borrower, log: silentLog });
}

const claimers: BlockClaimer[] = [];
/** By node: how it answers when it is asked to lend. */
export const lenders = new Map<string, (ask: LendAsk) => Promise<LendAnswer>>();

/** Two replicas for the tests of one file, which start with nothing and leave nothing. */
export function useReplicas(namespace: string): void {
  beforeAll(async () => {
    await makeNamespace(api, namespace);
    claimers.push(startReplica('a', namespace), startReplica('b', namespace));
  });
  afterEach(async () => {
    for (const path of [KINDS.ipBlock, KINDS.ipPool, KINDS.node].map((kind: Kind<KubeObject>) =>
      collectionPath(kind),
    )) {
      await api.request('DELETE', path);
    }
    lenders.clear();
    await waitUntil('nothing is left', async () => (await kube('get', 'ipp,ipb,nodes', '-o', 'name')) === '');
  });
  afterAll(async () => {
    stop.abort();
    await Promise.all(running);
    await kube('delete', 'namespace', namespace, '--wait=false');
    await api.close();
  });
}

export const makePool = (name: string, spec: object) =>
  create<IPPool>(api, KINDS.ipPool, { apiVersion: KINDS.ipPool.apiVersion, kind: 'IPPool', metadata: { name }, spec });
export const makeNode = (name: string, labels: Readonly<Record<string, string>> = {}) =>
  create<Node>(api, KINDS.node, { metadata: { name, labels } });
export const poolNow = (name: string) => read(api, KINDS.ipPool, { name });

export async function condition(name: string, type: string) {
  return (await poolNow(name))?.status?.conditions?.find((one) => one.type === type);
}

export async function becomes(name: string, type: string, status: string): Promise<string> {
  await waitUntil(`${name} has ${type}=${status}`, async () => (await condition(name, type))?.status === status);
  return (await condition(name, type))?.message ?? '';
}

/** What a node wants, beside who it is; without a family of IPv4. */
type Wish = Partial<Pick<BlockRequest, 'family' | 'pools' | 'address' | 'known'>>;

export function claim(which: number, node: Node, wish: Wish = {}): Promise<IPBlock | Problem> {
  const claimer = claimers[which % claimers.length];
  if (claimer === undefined) throw new Error('no claimer runs');
  const { name: nodeName, uid: nodeUid = '' } = node.metadata;
  return claimer.claimBlock({ nodeName, nodeUid, family: 4, known: [], ...wish }, stop.signal);
}

/** As an agent does: asks again until the operator that it asks has seen node and pool. */
export async function claimPatiently(which: number, node: Node, wish: Wish = {}): Promise<IPBlock | Problem> {
  let answer = await claim(which, node, wish);
  await waitUntil(`an answer for ${node.metadata.name}`, async () => {
    const isEarly = 'reason' in answer && ['NotSynced', 'NodeUnknown', 'NoPool'].includes(answer.reason);
    if (isEarly) answer = await claim(which, node, wish);
    return !isEarly;
  });
  return answer;
}

export function cidrsOf(answers: readonly (IPBlock | Problem)[]): string[] {
  return answers.flatMap((answer) => ('spec' in answer ? [answer.spec.cidr] : []));
}

/** Pairs of ranges that share an address. */
export function overlapping(cidrs: readonly string[]): [string, string][] {
  return cidrs.flatMap((a, index) =>
    cidrs.slice(index + 1).flatMap((b): [string, string][] => {
      const [one, other] = [parseCidr(a), parseCidr(b)];
      return one === undefined || other === undefined || overlaps(one, other) ? [[a, b]] : [];
    }),
  );
}
