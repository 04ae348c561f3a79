import { canonicalIp, type Family, familyOf } from '../../../src/lib/ip.ts';
import { blockOfAddress, chooseBlock, type BlockChoice } from '../../../src/model/ipam/blocks.ts';
import { rebuild, replay } from '../../../src/model/ipam/lease-replay.ts';
import { findLeases, type LeasableBlock, type Lease } from '../../../src/model/ipam/lease-state.ts';
import {
  acknowledge,
  allocate,
  closeBlock,
  freeUnlisted,
  release,
  spareBlocks,
  unacknowledged,
  withBlocks,
  type LeaseChange,
} from '../../../src/model/ipam/lease.ts';
import type { Problem } from '../../../src/model/problem.ts';

import {
  type CrashPoint,
  cidrsOf,
  isTunnelAddress,
  isWithin,
  type Machine,
  newMachine,
  POOLS,
  RESERVED,
  type StoredBlock,
  type Wish,
} from './world-parts.ts';

/** A cluster as far as addresses go: an API server, two operators that may lag, machines that crash. */
export class World {
  nowMs = 0;
  readonly machines: readonly Machine[] = ['a', 'b', 'c'].map(newMachine);
  /** API server: Node uid by name, IPBlocks by the name that follows from the range. */
  readonly nodeUids = new Map(['a', 'b', 'c'].map((name): [string, string] => [name, `${name}-0`]));
  readonly blocks = new Map<string, StoredBlock>();
  /** What each operator has last read. */
  readonly views: StoredBlock[][] = [[], []];
  /** Per machine: whom its kernel takes the holder of an address to be. */
  readonly beliefs = new Map(['a', 'b', 'c'].map((name): [string, Map<string, string>] => [name, new Map()]));
  /** Blocks, by uid, whose owners have asked that they be taken back: such a request may outlive its agent. */
  readonly #returning = new Map<string, Machine>();
  #counter = 0;

  machine(index: number): Machine {
    const machine = this.machines[index % this.machines.length];
    if (machine === undefined) throw new Error('there are machines');
    return machine;
  }

  ownBlocks({ name }: Machine): LeasableBlock[] {
    const nodeUid = this.nodeUids.get(name);
    const own = [...this.blocks.values()].filter(({ spec }) => spec.nodeUid === nodeUid);
    return own.map(({ uid, spec: { cidr, pool } }) => ({ uid, cidr, pool, reserved: RESERVED }));
  }

  owns(machine: Machine, family: Family): boolean {
    return this.ownBlocks(machine).some(({ cidr }) => familyOf(cidr) === family);
  }

  startPod(machine: Machine, wish: Wish, crash: CrashPoint): void {
    this.#counter += 1;
    const podUid = `pod-${this.#counter}`;
    machine.waiting.add(podUid);
    machine.wishes.set(podUid, wish);
    this.retryPod(machine, crash);
  }

  /** ADD of the pod that has waited longest. */
  retryPod(machine: Machine, crash: CrashPoint): void {
    const [podUid] = machine.waiting;
    if (podUid === undefined) return;
    // Whoever cannot be served now goes to the end of the queue.
    machine.waiting.delete(podUid);
    machine.waiting.add(podUid);
    this.#add(machine, podUid, crash);
  }

  /** Annotations or pools change, for a pod that runs or waits; it counts from its next sandbox on. */
  changeWish(machine: Machine, index: number, wish: Wish): void {
    const pods = [...machine.live.keys(), ...machine.waiting];
    const podUid = pods[index % Math.max(1, pods.length)];
    if (podUid !== undefined) machine.wishes.set(podUid, wish);
  }

  /** A new sandbox for a running pod, with what it is told to have by now; the DEL of the old one comes later or never. */
  replaceSandbox(machine: Machine, index: number, wish: Wish | undefined, crash: CrashPoint): void {
    const live = [...machine.live][index % Math.max(1, machine.live.size)];
    if (live === undefined) return;
    const [podUid, leases] = live;
    if (wish !== undefined) machine.wishes.set(podUid, wish);
    for (const { containerId } of leases) machine.stale.add(containerId);
    machine.live.delete(podUid);
    machine.waiting.add(podUid);
    this.#add(machine, podUid, crash);
  }

  deleteStaleSandbox(machine: Machine): void {
    const [containerId] = machine.stale;
    if (containerId === undefined || machine.agent === undefined) return;
    machine.stale.delete(containerId);
    this.#commit(machine, release(machine.agent, { containerId, ifname: 'eth0', nowMs: this.nowMs }), 'none');
  }

  /** DEL: first the link goes, then the lease. */
  stopPod(machine: Machine, index: number, crash: CrashPoint): void {
    const [lease] = [...machine.live.values()][index % Math.max(1, machine.live.size)] ?? [];
    if (lease === undefined || machine.agent === undefined) return;
    machine.live.delete(lease.podUid);
    machine.wishes.delete(lease.podUid);
    this.#commit(machine, release(machine.agent, { ...lease, nowMs: this.nowMs }), crash);
  }

  collect(machine: Machine): void {
    if (machine.agent === undefined) return;
    this.#commit(machine, freeUnlisted(machine.agent, [...machine.live.values()].flat(), this.nowMs), 'none');
  }

  killAgent(machine: Machine): void {
    machine.agent = undefined;
  }

  startAgent(machine: Machine): void {
    if (machine.agent !== undefined) return;
    machine.journal ??= [...rebuild(cidrsOf(this.ownBlocks(machine)), [...machine.live.values()].flat(), this.nowMs)];
    machine.agent = withBlocks(replay(machine.journal, this.nowMs), this.ownBlocks(machine));
  }

  loseJournal(machine: Machine): void {
    machine.agent = undefined;
    machine.journal = undefined;
    // The disk of a node is not lost within the second that a request takes.
    for (const [uid, owner] of this.#returning) if (owner === machine) this.#returning.delete(uid);
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
  claim(operator: number, machine: Machine, family: Family, crash: CrashPoint): void {
    const nodeUid = this.nodeUids.get(machine.name) ?? '';
    this.#create(machine, chooseBlock([POOLS[family]], this.views[operator % 2] ?? [], nodeUid), crash);
  }

  /** As `claim`, the block that has the address. */
  claimAddress(operator: number, machine: Machine, address: string, crash: CrashPoint): void {
    const view = this.views[operator % 2] ?? [];
    this.#create(machine, blockOfAddress([POOLS[4], POOLS[6]], view, address), crash);
  }

  #create(machine: Machine, choice: BlockChoice | Problem, crash: CrashPoint): void {
    if (!('cidr' in choice) || crash === 'before journal') return;
    const { cidr, pool } = choice;
    const name = cidr.replace(/[.:/]/g, '-');
    const nodeUid = this.nodeUids.get(machine.name) ?? '';
    this.#counter += 1;
    const spec = { cidr, pool, nodeName: machine.name, nodeUid };
    if (!this.blocks.has(name)) this.blocks.set(name, { uid: `block-${this.#counter}`, spec });
    if (crash === 'none') this.tellBlocks(machine);
  }

  /** The agent gives back a block, as if no pool were useful to it: disk first, then it asks. */
  giveBack(machine: Machine, crash: CrashPoint): void {
    if (machine.agent === undefined) return;
    const [spare] = spareBlocks(machine.agent, this.ownBlocks(machine), () => false, this.nowMs);
    if (spare === undefined) return;
    this.#commit(machine, closeBlock(machine.agent, spare.uid), crash);
    if (crash === 'none' || crash === 'after journal') this.#returning.set(spare.uid, machine);
  }

  /** An operator deletes a block that was given back. */
  takeBack(): void {
    const [returned] = this.#returning;
    if (returned === undefined) return;
    const [returnedUid, machine] = returned;
    this.#returning.delete(returnedUid);
    for (const [name, { uid }] of this.blocks) if (uid === returnedUid) this.blocks.delete(name);
    this.tellBlocks(machine);
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
        [...(agent?.leases.values() ?? []), ...[...live.values()].flat()].some(({ address }) =>
          isWithin(spec.cidr, address),
        ),
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
      if (RESERVED.some((cidr) => isWithin(cidr, address))) wrong.push(`${podUid} holds ${address}, which is reserved`);
      if (canonicalIp(address) !== address) wrong.push(`${podUid} holds ${address}, which has another text`);
      for (const [node, known] of this.beliefs) {
        const believed = known.get(address) ?? podUid;
        if (believed !== podUid) wrong.push(`${node} takes ${podUid} at ${address} for ${believed}`);
      }
    }
    for (const { name, agent, live } of this.machines) {
      for (const lease of agent === undefined ? [] : [...live.values()].flat()) {
        if (agent === undefined || findLeases(agent, lease).some(({ address }) => address === lease.address)) continue;
        wrong.push(`the agent of ${name} does not know that ${lease.podUid} holds ${lease.address}`);
      }
      for (const address of agent?.resting.keys() ?? []) {
        const holder = [...(agent?.leases.values() ?? [])].find((lease) => lease.address === address);
        if (holder !== undefined) wrong.push(`the agent of ${name} lets ${address} rest, which ${holder.podUid} holds`);
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
    const { families, fixed } = machine.wishes.get(podUid) ?? { families: [4], fixed: [] };
    const result = allocate(machine.agent, { podUid, containerId, ifname: 'eth0', families, fixed, nowMs: this.nowMs });
    if ('reason' in result) return;
    const addresses = result.leases.map(({ address }) => address);
    if (addresses.map(familyOf).join() !== families.join() || !fixed.every((one) => addresses.includes(one))) {
      throw new Error(`${podUid} wanted ${families.join()} with ${fixed.join()} and got ${addresses.join()}`);
    }
    if (!this.#commit(machine, result, crash)) return;
    machine.waiting.delete(podUid);
    machine.live.set(podUid, result.leases);
  }

  /** Disk first, then memory; false when the agent died on the way. */
  #commit(machine: Machine, { entries, state }: LeaseChange, crash: CrashPoint): boolean {
    const written = { 'before journal': 0, 'within journal': 1 }[crash as string] ?? entries.length;
    machine.journal?.push(...entries.slice(0, written));
    machine.agent = crash === 'none' ? state : undefined;
    return crash === 'none';
  }

  #liveLeases(): Lease[] {
    return this.machines.flatMap(({ live }) => [...live.values()].flat());
  }
}
