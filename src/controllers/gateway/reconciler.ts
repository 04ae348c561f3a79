import type { Gateway, GatewayClass } from '../../api/gateway.ts';
import type { Pod, Service } from '../../api/kubernetes.ts';
import { objectKey } from '../../api/meta.ts';
import { CONDITION, REASON } from '../../api/reasons.ts';
import { applyObject, createObject, type StatusWriter } from '../../kube/apply.ts';
import type { KubeApi } from '../../kube/client.ts';
import { DONE, type ReconcileResult, runController } from '../../kube/controller.ts';
import { KubeError } from '../../kube/errors.ts';
import { KINDS } from '../../kube/kinds.ts';
import type { StoreReader } from '../../kube/store.ts';
import { WorkQueue } from '../../kube/workqueue.ts';
import type { Clock } from '../../lib/clock.ts';
import { shortHash } from '../../lib/hash.ts';
import type { Logger } from '../../lib/logger.ts';
import { GATEWAY_CONTROLLER, type GatewayIndex, isOurs } from '../../model/mesh/gateway/gateway-index.ts';
import { type GatewayFacts, gatewayStatus } from '../../model/mesh/gateway/gateway-status.ts';
import { FIRST_REPLICAS, gatewayObjectName, gatewayObjects } from '../../model/mesh/gateway/objects.ts';
import { translateGateway } from '../../model/mesh/gateway/translate-gateway.ts';
import type { ProxyConfig } from '../../model/mesh/proxy-container.ts';
import type { DesiredCondition } from '../../model/status/conditions.ts';
import type { ProgramTarget } from '../../model/status/programmed.ts';
import { whenCompiled } from '../when-compiled.ts';

export interface GatewayControllerDeps {
  readonly api: KubeApi;
  readonly gateways: StoreReader<Gateway>;
  readonly gatewayClasses: StoreReader<GatewayClass>;
  readonly services: StoreReader<Service>;
  readonly pods: StoreReader<Pod>;
  readonly index: GatewayIndex;
  /** Its own proxies. */
  readonly targetsOf: (gateway: Gateway) => readonly ProgramTarget[];
  readonly proxy: ProxyConfig;
  readonly statuses: { readonly gateway: StatusWriter; readonly gatewayClass: StatusWriter };
  readonly isSettled: () => boolean;
  readonly isCompiled: () => boolean;
  readonly onAcknowledged: (listener: () => void) => () => void;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
}

const FIELD_MANAGER = 'weft-gateway';
/** Proxies acknowledge in bursts. */
const SETTLE_MS = 50;
/** What was refused by the API server is tried again, and what others have changed put back. */
const AGAIN_MS = 10_000;
const REPAIR_MS = 60_000;

/** Runs Weft's Gateways, and keeps their statuses and those of their classes true. Leader only. */
export async function runGateways(deps: GatewayControllerDeps, signal: AbortSignal): Promise<void> {
  const { gateways, gatewayClasses, services, clock, random, log } = deps;
  const queue = new WorkQueue({ clock, random });
  const enqueueAll = () => {
    for (const { metadata } of gatewayClasses.list()) queue.addAfter(`GatewayClass ${metadata.name}`, SETTLE_MS);
    for (const gateway of gateways.list()) queue.addAfter(`Gateway ${objectKey(gateway)}`, SETTLE_MS);
  };
  const unsubscribe = [
    gateways.onChange(enqueueAll),
    gatewayClasses.onChange(enqueueAll),
    services.onChange(() => {
      if (gateways.list().length > 0) enqueueAll();
    }),
    deps.onAcknowledged(enqueueAll),
  ];
  enqueueAll();
  const runner = new Runner(deps);
  const reconciler = whenCompiled(deps.isCompiled, {
    reconcile: (text, term) => {
      const [kind, key = ''] = text.split(' ');
      return kind === 'Gateway' ? runner.gateway(key, term) : runner.gatewayClass(key, term);
    },
  });
  try {
    const stores = [gateways, gatewayClasses, services, deps.pods];
    await runController({ name: 'gateway', reconciler, queue, stores, clock, log }, signal);
  } finally {
    for (const end of unsubscribe) end();
  }
}

class Runner {
  readonly #deps: GatewayControllerDeps;
  /** By key: what was applied last, when, and why not. */
  readonly #applied = new Map<string, { readonly hash: string; readonly trouble?: string; readonly atMs: number }>();

  constructor(deps: GatewayControllerDeps) {
    this.#deps = deps;
  }

  async gatewayClass(name: string, signal: AbortSignal): Promise<ReconcileResult> {
    const found = this.#deps.gatewayClasses.get(name);
    if (found === undefined || found.spec.controllerName !== GATEWAY_CONTROLLER) return DONE;
    const accepted: DesiredCondition = {
      type: CONDITION.accepted,
      status: 'True',
      reason: REASON.accepted,
      message: 'Weft runs Gateways of this class',
    };
    return await this.#deps.statuses.gatewayClass.write(KINDS.gatewayClass, found, { conditions: [accepted] }, signal);
  }

  async gateway(key: string, signal: AbortSignal): Promise<ReconcileResult> {
    const { gateways, index, isSettled, targetsOf, statuses, clock } = this.#deps;
    const gateway = gateways.get(key);
    if (gateway === undefined || !isOurs(index, gateway) || gateway.metadata.deletionTimestamp !== undefined) {
      this.#applied.delete(key);
      return DONE;
    }
    const trouble = await this.#apply(gateway, signal);
    const status = gatewayStatus(gateway, {
      ...{ index, targets: targetsOf(gateway), addresses: this.#addressesOf(gateway), isSettled: isSettled() },
      ...(trouble === undefined ? {} : { trouble }),
      now: new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z'),
    });
    const written = await statuses.gateway.write(KINDS.gateway, gateway, status, signal);
    if ('requeueAfterMs' in written) return written;
    return { requeueAfterMs: trouble === undefined ? REPAIR_MS : AGAIN_MS };
  }

  /** Why it is not run; undefined when it is. */
  async #apply(gateway: Gateway, signal: AbortSignal): Promise<string | undefined> {
    const { api, index, proxy, clock } = this.#deps;
    const key = objectKey(gateway);
    const ports = translateGateway(gateway, index).ports.map(({ port }) => port);
    if (ports.length === 0) return 'no listener of it can be opened';
    const objects = gatewayObjects(gateway, ports, proxy);
    const hash = shortHash(JSON.stringify(objects), 16);
    const before = this.#applied.get(key);
    const untilMs = (before?.atMs ?? 0) + (before?.trouble === undefined ? REPAIR_MS : AGAIN_MS);
    if (before?.hash === hash && clock.monotonic() < untilMs) return before.trouble;
    const trouble = await this.#tryApply({ api, fieldManager: FIELD_MANAGER }, objects, signal);
    this.#applied.set(key, { hash, atMs: clock.monotonic(), ...(trouble === undefined ? {} : { trouble }) });
    return trouble;
  }

  async #tryApply(
    write: { readonly api: KubeApi; readonly fieldManager: string },
    objects: ReturnType<typeof gatewayObjects>,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    try {
      await applyObject(write, KINDS.serviceAccount, objects.serviceAccount, signal);
      await applyObject(write, KINDS.service, objects.service, signal);
      const { deployment } = objects;
      const first = { ...deployment, spec: { ...deployment.spec, replicas: FIRST_REPLICAS } };
      await createObject(write, KINDS.deployment, first, signal);
      await applyObject(write, KINDS.deployment, deployment, signal);
      return undefined;
    } catch (error) {
      if (!(error instanceof KubeError)) throw error;
      if (error.status === 403) return "the operator may not run Gateways: set the chart's value gateways.enabled";
      if (error.status >= 400 && error.status < 500) return `the API server refuses what runs it: ${error.message}`;
      throw error;
    }
  }

  #addressesOf(gateway: Gateway): GatewayFacts['addresses'] {
    const { namespace = 'default' } = gateway.metadata;
    const service = this.#deps.services.get(`${namespace}/${gatewayObjectName(gateway)}`);
    const given = (service?.status?.loadBalancer?.ingress ?? []).map(({ ip, hostname = '' }) =>
      ip === undefined ? { type: 'Hostname' as const, value: hostname } : ipAddress(ip),
    );
    return given.length > 0 ? given : (service?.spec.clusterIPs ?? []).map(ipAddress);
  }
}

function ipAddress(value: string) {
  return { type: 'IPAddress' as const, value };
}
