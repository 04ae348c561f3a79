import { sizeOf, containsAddress, parseCidr4, parseIpv4 } from '../../../src/lib/ipv4.ts';
import { chooseBlock, type PoolState } from '../../../src/model/ipam/blocks.ts';
import type { LeaseEntry } from '../../../src/model/ipam/lease-journal.ts';
import { rebuild, replay } from '../../../src/model/ipam/lease-replay.ts';
import { findLease, type Lease, type LeaseState } from '../../../src/model/ipam/lease-state.ts';
import {
  acknowledge,
  allocate,
  freeUnlisted,
  release,
  unacknowledged,
  withBlocks,
  type LeaseChange,
} from '../../../src/model/ipam/lease.ts';

/** 8 blocks of 3 addresses for 3 machines: everything is used, given back and used again within a few steps. */
const POOL: PoolState = { name: 'small', uid: 'pool-1', cidr: '10.0.0.0/27', blockSize: 30 };

interface Machine {
  readonly name: string;
  /** The disk: undefined when the journal is lost. */
  journal: LeaseEntry[] | undefined;
  /** The agent's memory: undefined while it is down. */
  agent: LeaseState | undefined;
  /** What runs: pods by uid, and the address that each really uses. */
  readonly live: Map<string, Lease>;
  /** Pods that have no sandbox now: their next ADD is still to come. */
  readonly waiting: Set<string>;
  /** Sandboxes that newer ones of the same pod replaced, whose DEL is still to come. */
  readonly stale: Set<string>;
}

interface StoredBlock {
  readonly spec: { readonly cidr: string; readonly nodeUid: string };
}

export type CrashPoint = 'none' | 'before journal' | 'after journal';

/** A cluster as far as addresses go: an API server, two operators that may lag, machines that crash. */
export class World {
  nowMs = 0;
  readonly machines: readonly Machine[] = ['a', 'b', 'c'].map(
    (name): Machine => ({
      name,
      journal: [],
      agent: withBlocks(replay([], 0), []),
      live: new Map(),
      waiting: new Set(),
      stale: new Set(),
    }),
  );
  /** API server: Node uid by name, IPBlocks by the name that follows from the range. */
  readonly nodeUids = new Map(['a', 'b', 'c'].map((name): [string, string] => [name, `${name}-0`]));
  readonly blocks = new Map<string, StoredBlock>();
  /** What each operator has last read. */
  readonly views: StoredBlock[][] = [[], []];
  /** Per machine: whom its kernel takes the holder of an address to be. */
  readonly beliefs = new Map(['a', 'b', 'c'].map((name): [string, Map<string, string>] => [name, new Map()]));
  #counter = 0;

  machine(index: number): Machine {
    const machine = this.machines[index % this.machines.length];
    if (machine === undefined) throw new Error('there are machines');
    return machine;
  }

  ownBlocks({ name }: Machine): string[] {
    const uid = this.nodeUids.get(name);
    return [...this.blocks.values()].filter(({ spec }) => spec.nodeUid === uid).map(({ spec }) => spec.cidr);
  }

  startPod(machine: Machine, crash: CrashPoint): void {
    this.#counter += 1;
    machine.waiting.add(`pod-${this.#counter}`);
    this.retryPod(machine, crash);
  }

  /** ADD of the pod that has waited longest. */
  retryPod(machine: Machine, crash: CrashPoint): void {
    const [podUid] = machine.waiting;
    if (podUid !== undefined) this.#add(machine, podUid, crash);
  }

  /** A new sandbox for a running pod; the DEL of the old one comes later or never. */
  replaceSandbox(machine: Machine, crash: CrashPoint): void {
    const [lease] = machine.live.values();
    if (lease === undefined) return;
    machine.stale.add(lease.containerId);
    machine.live.delete(lease.podUid);
    machine.waiting.add(lease.podUid);
    this.#add(machine, lease.podUid, crash);
  }

  deleteStaleSandbox(machine: Machine): void {
    const [containerId] = machine.stale;
    if (containerId === undefined || machine.agent === undefined) return;
    machine.stale.delete(containerId);
    this.#commit(machine, release(machine.agent, { containerId, ifname: 'eth0', nowMs: this.nowMs }), 'none');
  }

  /** DEL: first the link goes, then the lease. */
  stopPod(machine: Machine, index: number, crash: CrashPoint): void {
    const lease = [...machine.live.values()][index % Math.max(1, machine.live.size)];
    if (lease === undefined || machine.agent === undefined) return;
    machine.live.delete(lease.podUid);
    this.#commit(machine, release(machine.agent, { ...lease, nowMs: this.nowMs }), crash);
  }

  collect(machine: Machine): void {
    if (machine.agent === undefined) return;
    this.#commit(machine, freeUnlisted(machine.agent, [...machine.live.values()], this.nowMs), 'none');
  }

  killAgent(machine: Machine): void {
    machine.agent = undefined;
  }

  startAgent(machine: Machine): void {
    if (machine.agent !== undefined) return;
    machine.journal ??= [...rebuild(this.ownBlocks(machine), [...machine.live.values()], this.nowMs)];
    machine.agent = withBlocks(replay(machine.journal, this.nowMs), this.ownBlocks(machine));
  }

  loseJournal(machine: Machine): void {
    machine.agent = undefined;
    machine.journal = undefined;
  }

  /** Every sandbox is gone; the pods are still to run here. */
  reboot(machine: Machine): void {
    machine.agent = undefined;
    for (const podUid of machine.live.keys()) machine.waiting.add(podUid);
    machine.live.clear();
    machine.stale.clear();
    this.startAgent(machine);
  }

  /** The Node object is deleted and made anew, while the machine and its pods go on. */
  recreateNode(machine: Machine): void {
    this.#counter += 1;
    this.nodeUids.set(machine.name, `${machine.name}-${this.#counter}`);
    if (machine.agent !== undefined) machine.agent = withBlocks(machine.agent, this.ownBlocks(machine));
  }

  sync(operator: number): void {
    this.views[operator % 2] = [...this.blocks.values()];
  }

  /** By what it last read, the operator creates an IPBlock; the API server refuses a name that is there. */
  claim(operator: number, machine: Machine, crash: CrashPoint): void {
    const nodeUid = this.nodeUids.get(machine.name) ?? '';
    const choice = chooseBlock([POOL], this.views[operator % 2] ?? [], nodeUid);
    if (!('cidr' in choice) || crash === 'before journal') return;
    const name = choice.cidr.replace(/[./]/g, '-');
    if (!this.blocks.has(name)) this.blocks.set(name, { spec: { cidr: choice.cidr, nodeUid } });
    if (crash === 'none') this.tellBlocks(machine);
  }

  tellBlocks(machine: Machine): void {
    if (machine.agent !== undefined) machine.agent = withBlocks(machine.agent, this.ownBlocks(machine));
  }

  /** Blocks of deleted Nodes are free again once every agent says that it holds none of it and no node remembers it. */
  endQuarantine(): void {
    const uids = new Set(this.nodeUids.values());
    if (this.machines.some(({ agent }) => agent === undefined)) return;
    for (const [name, { spec }] of this.blocks) {
      if (uids.has(spec.nodeUid)) continue;
      const isHeld = this.machines.some(({ agent, live }) =>
        [...(agent?.leases.values() ?? []), ...live.values()].some(({ address }) => isWithin(spec.cidr, address)),
      );
      const isRemembered = [...this.beliefs.values()].some((known) =>
        [...known.keys()].some((address) => isWithin(spec.cidr, address)),
      );
      if (!isHeld && !isRemembered) this.blocks.delete(name);
    }
  }

  /** The machine's kernel learns who holds what now, and forgets those who are gone. */
  update(machine: Machine): void {
    const now = new Map(this.#liveLeases().map(({ address, podUid }): [string, string] => [address, podUid]));
    this.beliefs.set(machine.name, now);
  }

  /** Operators tell an agent which of its resting addresses no kernel connects with anybody any more. */
  acknowledge(machine: Machine): void {
    if (machine.agent === undefined) return;
    const known = [...this.beliefs.values()];
    const forgotten = unacknowledged(machine.agent).filter((address) => !known.some((belief) => belief.has(address)));
    this.#commit(machine, acknowledge(machine.agent, forgotten), 'none');
  }

  /** Sentences that say what must never be. */
  violations(): string[] {
    const holders = new Map<string, string>();
    const wrong: string[] = [];
    for (const { address, podUid } of this.#liveLeases()) {
      const other = holders.get(address);
      if (other !== undefined) wrong.push(`${address} is held by ${other} and ${podUid}`);
      holders.set(address, podUid);
      if (isTunnelAddress(address)) wrong.push(`${podUid} holds ${address}, the first of a block`);
      for (const [node, known] of this.beliefs) {
        const believed = known.get(address) ?? podUid;
        if (believed !== podUid) wrong.push(`${node} takes ${podUid} at ${address} for ${believed}`);
      }
    }
    for (const { name, agent, live } of this.machines) {
      for (const lease of agent === undefined ? [] : live.values()) {
        if (agent === undefined || findLease(agent, lease)?.address === lease.address) continue;
        wrong.push(`the agent of ${name} does not know that ${lease.podUid} holds ${lease.address}`);
      }
    }
    const ranges = [...this.blocks.values()].map(({ spec }) => spec.cidr);
    if (new Set(ranges).size !== ranges.length) wrong.push(`blocks overlap: ${ranges.join(', ')}`);
    return wrong;
  }

  #add(machine: Machine, podUid: string, crash: CrashPoint): void {
    if (machine.agent === undefined) return;
    this.#counter += 1;
    const containerId = `sandbox-${this.#counter}`;
    const result = allocate(machine.agent, { podUid, containerId, ifname: 'eth0', nowMs: this.nowMs });
    if ('reason' in result) return;
    if (!this.#commit(machine, result, crash)) return;
    machine.waiting.delete(podUid);
    machine.live.set(podUid, result.lease);
  }

  /** Disk first, then memory; false when the agent died on the way. */
  #commit(machine: Machine, { entries, state }: LeaseChange, crash: CrashPoint): boolean {
    if (crash !== 'before journal') machine.journal?.push(...entries);
    machine.agent = crash === 'none' ? state : undefined;
    return crash === 'none';
  }

  #liveLeases(): Lease[] {
    return this.machines.flatMap(({ live }) => [...live.values()]);
  }
}

function isWithin(cidr: string, address: string): boolean {
  const range = parseCidr4(cidr);
  const number = parseIpv4(address);
  return range !== undefined && number !== undefined && containsAddress(range, number);
}

function isTunnelAddress(address: string): boolean {
  return (parseIpv4(address) ?? 0) % sizeOf(POOL.blockSize) === 0;
}
