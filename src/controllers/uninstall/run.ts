import type { Node } from '../../api/kubernetes.ts';
import type { KubeApi } from '../../kube/client.ts';
import { isNotFound } from '../../kube/errors.ts';
import { KINDS, objectPath } from '../../kube/kinds.ts';
import { compareAndSwapConfigMap } from '../../kube/registry.ts';
import type { StoreReader } from '../../kube/store.ts';
import { type Clock, sleep } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import {
  type NodeOutcome,
  parseUninstallRequest,
  UNINSTALL_OBJECT,
  type UninstallRequest,
  type UninstallResult,
} from './conversation.ts';

export interface UninstallDeps {
  readonly api: KubeApi;
  readonly nodes: StoreReader<Node>;
  readonly namespace: string;
  /** Addresses that pods hold now, as nodes report. */
  readonly leases: () => number;
  readonly connectedNodes: () => readonly string[];
  /** Takes Weft off a node; its complaints. */
  readonly teardown: (node: string, force: boolean) => Promise<readonly string[]>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A person waits for the answer, and asks about once in a cluster's life. */
const LOOK_EVERY_MS = 2_000;

/** Answers `weft uninstall` while this replica leads: every reached node is cleaned, the others are named. */
export async function runUninstall(deps: UninstallDeps, signal: AbortSignal): Promise<void> {
  const { clock, log } = deps;
  let answered = '';
  while (!signal.aborted) {
    try {
      const request = await readRequest(deps, signal);
      if (request !== undefined && request.id !== answered) {
        await answer(deps, request, signal);
        answered = request.id;
      }
    } catch (error) {
      if (!signal.aborted) log.warn('uninstall cannot go on', { error });
    }
    await sleep(clock, LOOK_EVERY_MS, signal);
  }
}

async function readRequest(
  { api, namespace }: UninstallDeps,
  signal: AbortSignal,
): Promise<UninstallRequest | undefined> {
  try {
    const path = objectPath(KINDS.configMap, { namespace, name: UNINSTALL_OBJECT.name });
    const { data = {} } = await api.request<{ data?: Readonly<Record<string, string>> }>('GET', path, { signal });
    const request = parseUninstallRequest(data[UNINSTALL_OBJECT.requestField]);
    return parseUninstallRequest(data[UNINSTALL_OBJECT.resultField])?.id === request?.id ? undefined : request;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function answer(deps: UninstallDeps, request: UninstallRequest, signal: AbortSignal): Promise<void> {
  const { api, namespace, log, leases } = deps;
  const held = leases();
  log.info('uninstall asked for', { force: request.force, addressesHeld: held });
  const result: UninstallResult =
    held > 0 && !request.force
      ? { id: request.id, refused: `${held} pods hold addresses of Weft's pools; delete them, or force`, nodes: [] }
      : { id: request.id, nodes: await teardownAll(deps) };
  const { name, resultField: field } = UNINSTALL_OBJECT;
  await compareAndSwapConfigMap(api, { namespace, name, field }, () => JSON.stringify(result), signal);
}

function teardownAll({ nodes, connectedNodes, teardown }: UninstallDeps): Promise<NodeOutcome[]> {
  const reachable = new Set(connectedNodes());
  const names = nodes
    .list()
    .map(({ metadata }) => metadata.name)
    .sort();
  return Promise.all(
    names.map(async (node): Promise<NodeOutcome> => {
      if (!reachable.has(node)) return { node, state: 'unreachable', errors: [] };
      try {
        const errors = await teardown(node, true);
        return { node, state: errors.length === 0 ? 'clean' : 'failed', errors };
      } catch (error) {
        return { node, state: 'failed', errors: [error instanceof Error ? error.message : String(error)] };
      }
    }),
  );
}
