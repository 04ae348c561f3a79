import { isDeepStrictEqual } from 'node:util';
import type { ServiceVipIr, VipBackendIr } from '../../../../model/service/vip.ts';
import {
  deleteChain,
  deleteSet,
  elementMessages,
  flushChain,
  newChain,
  newRule,
  newVerdictMap,
  type ServiceElement,
  type ServiceMessage,
} from './messages.ts';
import { deleteMemories, newMemories, numberedElements, poolMap, poolRules } from './pool-chain.ts';
import { MARK_CHAIN, REFUSE_CHAIN } from './render-base.ts';
import { elementId, OF_MANY, type Pool, type ServiceProgram, serviceProgram } from './service-program.ts';
import { SharedElements } from './shared-elements.ts';

/** By key, `namespace/name`. */
export type Services = ReadonlyMap<string, readonly ServiceVipIr[]>;

export interface ServiceChange {
  readonly upsert: Services;
  readonly remove: readonly string[];
}

/** A change as the kernel is told it: each is one transaction, or none when it is empty. */
export interface ServiceSteps {
  /** From old to new at once. */
  readonly put: readonly ServiceMessage[];
  /** What nothing leads to any more. Later, as a packet that is on its way may still ask for it. */
  readonly clean: readonly ServiceMessage[];
  /** Names of the chains whose rules change, or who leads to them. */
  readonly touched: ReadonlySet<string>;
}

type Rules = ReturnType<ServiceProgram['ways']['get']> & {};

const NOTHING: ServiceProgram = { pools: new Map(), ways: new Map(), elements: [] };

/** What the table holds, and the difference to what it should. Work in proportion to the services that change. */
export class HeldServices {
  readonly services: Map<string, readonly ServiceVipIr[]> = new Map();
  readonly #programs = new Map<string, ServiceProgram>();
  /** Of services with affinity. */
  readonly #pools = new Map<string, Pool>();
  /** Chains that lead somewhere; those of services that are alike have one. */
  readonly #ways = new Map<string, { readonly rules: Rules; readonly owners: Set<string> }>();
  readonly #shared = new SharedElements();

  /** @throws NftError `BadName`; then nothing has changed. */
  commit({ upsert, remove }: ServiceChange): ServiceSteps {
    const programs = new Map([...upsert].map(([key, vips]) => [key, serviceProgram(key, vips)]));
    const steps = new Steps();
    for (const key of remove) {
      if (upsert.has(key)) continue;
      this.#replace(key, NOTHING, steps);
      this.#programs.delete(key);
      this.services.delete(key);
    }
    for (const [key, program] of programs) {
      this.#replace(key, program, steps);
      this.#programs.set(key, program);
      this.services.set(key, upsert.get(key) ?? []);
    }
    const { remove: gone, add } = this.#shared.changes();
    return steps.inOrder(gone, add);
  }

  #replace(key: string, program: ServiceProgram, steps: Steps): void {
    const before = this.#programs.get(key) ?? NOTHING;
    for (const { pools, ways } of [before, program]) steps.touch([...pools.keys(), ...ways.keys()]);
    this.#shared.replace(key, before.elements, program.elements);
    for (const [name, pool] of program.pools) this.#placePool(key, name, pool, steps);
    for (const name of before.pools.keys()) if (!program.pools.has(name)) this.#dropPool(name, steps);
    for (const [name, rules] of program.ways) {
      const way = this.#ways.get(name);
      if (way === undefined) steps.chains.push(newChain(name, OF_MANY.test(name) ? 'of all services alike' : key));
      else if (!isDeepStrictEqual(way.rules, rules)) steps.rules.push(flushChain(name));
      if (way === undefined || !isDeepStrictEqual(way.rules, rules))
        steps.rules.push(...rules.map((rule) => newRule(name, rule)));
      const owners = way?.owners ?? new Set<string>();
      this.#ways.set(name, { rules, owners: owners.add(key) });
    }
    for (const name of before.ways.keys()) {
      const owners = this.#ways.get(name)?.owners;
      if (program.ways.has(name)) continue;
      owners?.delete(key);
      if (owners?.size !== 0) continue;
      this.#ways.delete(name);
      steps.doom(name);
    }
  }

  #placePool(key: string, name: string, pool: Pool, steps: Steps): void {
    const old = this.#pools.get(name);
    if (old !== undefined && isSame(old, pool)) return;
    this.#pools.set(name, pool);
    if (old === undefined) steps.chains.push(newChain(name, key), newVerdictMap(poolMap(name)));
    else steps.rules.push(flushChain(name));
    const [before, after] = [old?.backends ?? [], pool.backends];
    steps.chains.push(...newMemories(name, pool, without(after, before)));
    steps.memories.push(...deleteMemories(name, without(before, after)));
    steps.number(old === undefined ? [] : numberedElements(name, old), numberedElements(name, pool));
    steps.rules.push(...poolRules(name, pool));
  }

  #dropPool(name: string, steps: Steps): void {
    const old = this.#pools.get(name);
    if (old === undefined) return;
    this.#pools.delete(name);
    steps.doom(name);
    steps.memories.push(deleteSet(poolMap(name)), ...deleteMemories(name, old.backends));
  }
}

/** Collects what a change asks for; what is referred to goes before who refers to it. */
class Steps {
  readonly chains: ServiceMessage[] = [];
  readonly rules: ServiceMessage[] = [];
  readonly memories: ServiceMessage[] = [];
  readonly #touched = new Set([REFUSE_CHAIN, MARK_CHAIN]);
  readonly #doomed: string[] = [];
  readonly #replaced: ServiceElement[] = [];
  readonly #placed: ServiceElement[] = [];
  readonly #left: ServiceElement[] = [];

  doom(name: string): void {
    this.#doomed.push(name);
  }

  touch(names: readonly string[]): void {
    for (const name of names) this.#touched.add(name);
  }

  number(before: readonly ServiceElement[], after: readonly ServiceElement[]): void {
    const id = ({ set, key }: ServiceElement) => `${set} ${key.readUInt32LE()}`;
    const [old, wanted] = [new Map(before.map((of) => [id(of), of])), new Set(after.map(id))];
    for (const element of after) {
      const other = old.get(id(element));
      if (other !== undefined && isDeepStrictEqual(other.value, element.value)) continue;
      if (other !== undefined) this.#replaced.push(other);
      this.#placed.push(element);
    }
    this.#left.push(...before.filter((element) => !wanted.has(id(element))));
  }

  inOrder(gone: readonly ServiceElement[], add: readonly ServiceElement[]): ServiceSteps {
    const kept = new Set(add.map(elementId));
    const isLater = (element: ServiceElement) => isEndpoint(element) && !kept.has(elementId(element));
    const clean = [
      ...elementMessages('delete', [...this.#left, ...gone.filter(isLater)]),
      // They lead to each other.
      ...this.#doomed.map(flushChain),
      ...this.memories,
      ...this.#doomed.map(deleteChain),
    ];
    for (const { chain } of [...this.chains, ...clean]) if (chain !== undefined) this.#touched.add(chain);
    for (const { value } of [...gone, ...add]) {
      if (value !== undefined && 'chain' in value) this.#touched.add(value.chain);
    }
    return {
      touched: this.#touched,
      clean,
      put: [
        ...this.chains,
        ...elementMessages('delete', this.#replaced),
        ...elementMessages('add', this.#placed),
        ...this.rules,
        ...elementMessages(
          'delete',
          gone.filter((element) => !isLater(element)),
        ),
        ...elementMessages('add', add),
      ],
    };
  }
}

function isEndpoint({ value }: ServiceElement): boolean {
  return Buffer.isBuffer(value);
}

function placeOf({ address, port }: VipBackendIr): string {
  return `${address} ${port}`;
}

function without(backends: readonly VipBackendIr[], others: readonly VipBackendIr[]): VipBackendIr[] {
  const places = new Set(others.map(placeOf));
  return backends.filter((backend) => !places.has(placeOf(backend)));
}

/** To the kernel: whether an endpoint is on this node shows elsewhere. */
function isSame(a: Pool, b: Pool): boolean {
  return (
    a.backends.length === b.backends.length &&
    a.backends.every((backend, index) => placeOf(backend) === placeOf(b.backends[index] ?? backend))
  );
}
