/** One cold model in a process of its own: everything at once, then change by change. Prints `CompileSample` as JSON. */
import type { PolicyChange } from '../../src/model/policy/change.ts';
import { createPolicyIndex } from '../../src/model/policy/policy-index.ts';
import { appName, createWorld, type WorldSize } from '../policy/world.ts';

export interface CompileSample {
  readonly scratchMs: number;
  /** Of the objects alone, and with what the model keeps. */
  readonly objectsMB: number;
  readonly modelMB: number;
  readonly chains: number;
  /** Milliseconds of each change, by what it is. */
  readonly changes: Readonly<Record<string, readonly number[]>>;
}

const CHANGES = 100;
const size = JSON.parse(process.argv[2] ?? '') as WorldSize;
const world = createWorld(size);
const usedMB = () => {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / 1e6;
};
const objectsMB = usedMB();
const index = createPolicyIndex();
const timed = (change: PolicyChange) => {
  const startedMs = performance.now();
  const effects = index.apply(change);
  return [performance.now() - startedMs, effects] as const;
};
const [scratchMs, effects] = timed({
  pods: { upserts: world.pods },
  namespaces: { upserts: world.namespaces },
  nodes: { upserts: world.nodes },
  kubernetesPolicies: { upserts: world.policies },
});
const chains = effects.chains.upserts.length;
const modelMB = usedMB() - objectsMB;

/** Each is taken back by the next. */
function both(there: PolicyChange, back: PolicyChange): number[] {
  return [timed(there)[0], timed(back)[0]];
}

const some = <T>(all: readonly T[], count: number) =>
  Array.from({ length: count }, (_, at) => all[Math.floor((at * all.length) / count)]).filter(
    (one) => one !== undefined,
  );
const changes = {
  'a new pod': some(world.pods, CHANGES).flatMap((pod) => {
    const { metadata } = pod;
    const born = { ...pod, metadata: { ...metadata, name: `${metadata.name}-new`, uid: `${metadata.uid}-new` } };
    return both(
      { pods: { upserts: [born] } },
      { pods: { removals: [`${metadata.namespace}/${metadata.name}-new`] } },
    ).slice(0, 1);
  }),
  "a pod's labels": some(world.pods, CHANGES).flatMap((pod) => {
    const place = Number(pod.metadata.labels?.['app']?.slice('app-'.length));
    const labels = { ...pod.metadata.labels, app: appName(place + 3, size.apps) };
    return both(
      { pods: { upserts: [{ ...pod, metadata: { ...pod.metadata, labels } }] } },
      { pods: { upserts: [pod] } },
    );
  }),
  'a policy': some(world.policies, CHANGES).flatMap((policy) => {
    const changed = { ...policy, spec: { ...policy.spec, ingress: (policy.spec.ingress ?? []).slice(1) } };
    return both({ kubernetesPolicies: { upserts: [changed] } }, { kubernetesPolicies: { upserts: [policy] } });
  }),
  "a namespace's labels": some(world.namespaces, CHANGES / 2).flatMap((namespace) => {
    const labels = { ...namespace.metadata.labels, team: 'team-of-nobody' };
    const changed = { metadata: { ...namespace.metadata, labels } };
    return both({ namespaces: { upserts: [changed] } }, { namespaces: { upserts: [namespace] } });
  }),
};
process.stdout.write(JSON.stringify({ scratchMs, objectsMB, modelMB, chains, changes } satisfies CompileSample));
