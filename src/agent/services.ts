import type { Logger } from '../lib/logger.ts';
import type { NodeUpdate } from '../model/node/desired-update.ts';
import type { ServiceRoutingReport } from '../model/node/report.ts';
import type { RoutedService, RoutedSlice, RoutingNode } from '../model/service/objects.ts';
import { translateServiceHealth, translateServiceRules } from '../model/service/translate-service.ts';
import type { ServiceHealthIr, ServiceVipIr } from '../model/service/vip.ts';
import type { ServiceChange, Services } from './dataplane/nft/services/service-table.ts';
import type { ResourceStore } from './state/resources.ts';

/** `Auto`: where nobody else does. */
export type ServiceMode = 'Auto' | 'Always' | 'Never';
export const SERVICE_MODES: readonly ServiceMode[] = ['Auto', 'Always', 'Never'];

/** The kernel's side: `ServiceTable`. */
export interface ServiceRules {
  readonly isThere: boolean;
  reset(services: Services): Promise<void>;
  apply(change: ServiceChange): Promise<void>;
  verify(): boolean;
  repair(): Promise<void>;
  remove(): Promise<void>;
}

export interface NodeServicesDeps {
  readonly resources: ResourceStore;
  readonly mode: ServiceMode;
  readonly rules: ServiceRules;
  readonly health: { serve(services: readonly ServiceHealthIr[]): Promise<readonly string[]> };
  readonly findOtherProxy: () => Promise<boolean>;
  readonly logger: Logger;
}

/** Looks at which the other proxy must be missing before Weft takes its place: it may only be restarting. */
const LOOKS_BEFORE_TAKING_OVER = 6;

/**
 * Services on this node: whether Weft routes them, and what its kernel is told. What the operators say of Services is
 * the same for all nodes; here it becomes this node's.
 */
export class NodeServices {
  readonly #deps: NodeServicesDeps;
  /** By service, then by slice. */
  readonly #slices = new Map<string, Map<string, RoutedSlice>>();
  readonly #serviceBySlice = new Map<string, string>();
  readonly #healthChecks = new Map<string, ServiceHealthIr>();
  #isOn = false;
  #isOtherThere = false;
  #looksWithoutOther = 0;
  #place: RoutingNode | undefined;

  constructor(deps: NodeServicesDeps) {
    this.#deps = deps;
    for (const [key, slice] of deps.resources.all('routedSlice')) this.#keep(key, slice);
  }

  /** Decides whose job it is. A table that is there is kept up: an earlier agent decided. */
  async start(): Promise<void> {
    const { mode, rules } = this.#deps;
    if (mode === 'Never') {
      if (rules.isThere) await rules.remove();
      return;
    }
    this.#isOtherThere = await this.#deps.findOtherProxy();
    if (mode === 'Always' || rules.isThere || !this.#isOtherThere) await this.#takeOver();
  }

  report(): ServiceRoutingReport {
    if (this.#deps.mode === 'Never') return 'Off';
    if (!this.#isOn) return 'Other';
    return this.#isOtherThere ? 'Contested' : 'Weft';
  }

  /** Puts what an update says of Services into force. Keys (`kind key`) of what is not, with the kernel's reason. */
  async apply({ upserts, removals }: NodeUpdate): Promise<ReadonlyMap<string, string>> {
    const services = new Map<string, RoutedService | undefined>();
    const touched = new Map<string, string[]>();
    const touch = (service: string, ref: string) => touched.set(service, [...(touched.get(service) ?? []), ref]);
    for (const resource of upserts) {
      if (resource.kind === 'routedSlice') {
        for (const service of this.#keep(resource.key, resource.body)) touch(service, `routedSlice ${resource.key}`);
      } else if (resource.kind === 'routedService') {
        services.set(resource.key, resource.body);
        touch(resource.key, `routedService ${resource.key}`);
      }
    }
    for (const { kind, key } of removals) {
      if (kind === 'routedSlice') for (const service of this.#keep(key, undefined)) touch(service, `${kind} ${key}`);
      if (kind !== 'routedService') continue;
      services.set(key, undefined);
      touch(key, `${kind} ${key}`);
    }
    if (touched.size === 0 || !this.#isOn) return new Map();
    const serviceOf = (key: string) =>
      services.has(key) ? services.get(key) : this.#deps.resources.get('routedService', key);
    const refused = await this.#tell(new Map([...touched.keys()].map((key) => [key, serviceOf(key)])));
    return new Map([...refused].flatMap(([key, reason]) => (touched.get(key) ?? []).map((ref) => [ref, reason])));
  }

  /** The node itself may have changed: its zone decides which endpoints are near. */
  async nodeChanged(): Promise<void> {
    const before = this.#place;
    this.#locate();
    if (this.#isOn && JSON.stringify(before) !== JSON.stringify(this.#place)) await this.#deps.rules.reset(this.#all());
  }

  /** A look at who routes Services, and whether the kernel still holds what it was told. True: it was put back. */
  async look(): Promise<boolean> {
    const { mode, rules, logger, findOtherProxy } = this.#deps;
    if (mode === 'Never') return false;
    this.#isOtherThere = await findOtherProxy();
    this.#looksWithoutOther = this.#isOtherThere ? 0 : this.#looksWithoutOther + 1;
    if (!this.#isOn) {
      if (this.#looksWithoutOther < LOOKS_BEFORE_TAKING_OVER) return false;
      logger.info('the other service proxy is gone; services are routed by Weft now');
      await this.#takeOver();
      return false;
    }
    if (rules.verify()) return false;
    await rules.repair();
    return true;
  }

  async remove(): Promise<void> {
    this.#isOn = false;
    await this.#deps.health.serve([]);
    await this.#deps.rules.remove();
  }

  async #takeOver(): Promise<void> {
    this.#locate();
    await this.#deps.rules.reset(this.#all());
    this.#isOn = true;
    await this.#serveHealth();
  }

  #locate(): void {
    const node = this.#deps.resources.get('node', 'self');
    this.#place = node === undefined ? undefined : { name: node.name, zone: node.zone };
  }

  #all(): Services {
    const services = [...this.#deps.resources.all('routedService')];
    return new Map(services.map(([key, service]) => [key, this.#translate(key, service)]));
  }

  /** Services by key; undefined: gone. Refusals by key. */
  async #tell(services: ReadonlyMap<string, RoutedService | undefined>): Promise<ReadonlyMap<string, string>> {
    const upsert = new Map<string, readonly ServiceVipIr[]>();
    const remove: string[] = [];
    for (const [key, service] of services) {
      if (service === undefined) remove.push(key);
      else upsert.set(key, this.#translate(key, service));
      if (service === undefined) this.#healthChecks.delete(key);
    }
    const refused = await this.#applyEach({ upsert, remove });
    await this.#serveHealth();
    return refused;
  }

  /** All at once; when that is refused one by one, so that one service's fault is not the others'. */
  async #applyEach({ upsert, remove }: ServiceChange): Promise<ReadonlyMap<string, string>> {
    const { rules, logger } = this.#deps;
    const attempt = async (change: ServiceChange): Promise<string | undefined> => {
      try {
        await rules.apply(change);
        return undefined;
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
    };
    const refusal = await attempt({ upsert, remove });
    if (refusal === undefined) return new Map();
    const refused = new Map<string, string>();
    for (const [key, vips] of upsert) {
      const reason = await attempt({ upsert: new Map([[key, vips]]), remove: [] });
      if (reason !== undefined) refused.set(key, reason);
    }
    for (const key of remove) {
      const reason = await attempt({ upsert: new Map(), remove: [key] });
      if (reason !== undefined) refused.set(key, reason);
    }
    logger.error('services not in force', { count: refused.size, reason: refusal });
    return refused;
  }

  #translate(key: string, service: RoutedService): readonly ServiceVipIr[] {
    const place = this.#place ?? { name: '' };
    const slices = [...(this.#slices.get(key)?.values() ?? [])];
    const health = translateServiceHealth(service, slices, place);
    if (health === undefined) this.#healthChecks.delete(key);
    else this.#healthChecks.set(key, health);
    return translateServiceRules(service, slices, place);
  }

  async #serveHealth(): Promise<void> {
    const failures = await this.#deps.health.serve([...this.#healthChecks.values()]);
    for (const reason of failures) this.#deps.logger.warn('a load balancer gets no answer', { reason });
  }

  /** Keys of the services that the slice was of, and is of now. */
  #keep(key: string, slice: RoutedSlice | undefined): readonly string[] {
    const concerned = new Set<string>();
    const before = this.#serviceBySlice.get(key);
    if (before !== undefined) {
      this.#slices.get(before)?.delete(key);
      if (this.#slices.get(before)?.size === 0) this.#slices.delete(before);
      this.#serviceBySlice.delete(key);
      concerned.add(before);
    }
    if (slice !== undefined) {
      const own = this.#slices.get(slice.service) ?? new Map<string, RoutedSlice>();
      this.#slices.set(slice.service, own.set(key, slice));
      this.#serviceBySlice.set(key, slice.service);
      concerned.add(slice.service);
    }
    return [...concerned];
  }
}
