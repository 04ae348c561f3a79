import { canonicalIp, type Family, familyOf } from '../../../src/lib/ip.ts';
import { blockOfAddress, chooseBlock, type BlockChoice } from '../../../src/model/ipam/blocks.ts';
import { entriesOf, rebuild, replay } from '../../../src/model/ipam/lease-replay.ts';
import { findLeases, type Lease } from '../../../src/model/ipam/lease-state.ts';
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
import { endLoans, learnLost, lend, proposeLoan } from '../../../src/model/ipam/loan.ts';
import { blockName } from '../../../src/model/node/names.ts';
import type { Problem } from '../../../src/model/problem.ts';

import {
  type CrashPoint,
  cidrsOf,
  isTunnelAddress,
  isWithin,
  type Borrowing,
  type Machine,
  newMachine,
  POOLS,
  RESERVED,
  type StoredBlock,
  type View,
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
  readonly views: View[] = [
    { at: 0, blocks: [] },
    { at: 0, blocks: [] },
  ];
  /** What operators are about, each a step further now and then. */
  readonly borrowings: Borrowing[] = [];
  /** Per machine: whom its kernel takes the holder of an address to be. */
  readonly beliefs = new Map(['a', 'b', 'c'].map((name): [string, Map<string, string>] => [name, new Map()]));
  /** Blocks, by uid, whose owners have asked that they be taken back: such a request may outlive its agent. */
  readonly #returning = new Map<string, Machine>();
  #counter = 0;
  /** Changes of the API server. */
  #changes = 0;

  machine(index: number): Machine {
    const machine = this.machines[index % this.machines.length];
    if (machine === undefined) throw new Error('there are machines');
    return machine;
  }

  owns(machine: Machine, family: Family): boolean {
    return machine.told.some(({ cidr }) => familyOf(cidr) === family);
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
    machine.journal ??= [...rebuild(cidrsOf(machine.told), [...machine.live.values()].flat(), this.nowMs)];
    machine.agent = withBlocks(replay(machine.journal, this.nowMs), machine.told);
  }

  /** The journal is written anew, as short as it can be. */
  compact(machine: Machine): void {
    if (machine.agent !== undefined) machine.journal = [...entriesOf(machine.agent)];
  }

  loseJournal(machine: Machine): void {
    machine.agent = undefined;
    machine.journal = undefined;
    // What it was told of loans is lost too, and an operator that lags may be the first to tell it again.
    machine.told = machine.told.map((block) => ({ ...block, reserved: RESERVED }));
    machine.toldAt = 0;
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
    this.#changes += 1;
    this.tellBlocks(machine);
  }

  sync(operator: number): void {
    this.views[operator % 2] = this.#live();
  }

  #live(): View {
    return { at: this.#changes, blocks: [...this.blocks.values()] };
  }

  #view(operator: number): View {
    return this.views[operator % 2] ?? this.#live();
  }

  /** By what it last read, the operator creates an IPBlock; the API server refuses a name that is there. */
  claim(operator: number, machine: Machine, family: Family, crash: CrashPoint): void {
    const nodeUid = this.nodeUids.get(machine.name) ?? '';
    this.#create(machine, chooseBlock([POOLS[family]], this.#view(operator).blocks, nodeUid), crash);
  }

  /** As `claim`, the block that has the address. */
  claimAddress(operator: number, machine: Machine, address: string, crash: CrashPoint): void {
    const { blocks } = this.#view(operator);
    this.#create(machine, blockOfAddress([POOLS[4], POOLS[6]], blocks, address), crash);
  }

  #create(machine: Machine, choice: BlockChoice | Problem, crash: CrashPoint): void {
    if (!('cidr' in choice) || crash === 'before journal') return;
    const { cidr, pool } = choice;
    const name = blockName(cidr);
    const nodeUid = this.nodeUids.get(machine.name) ?? '';
    this.#counter += 1;
    const spec = { cidr, pool, nodeName: machine.name, nodeUid };
    if (!this.blocks.has(name)) this.#put(name, { uid: `block-${this.#counter}`, spec });
    if (crash === 'none') this.tellBlocks(machine);
  }

  /** The agent gives back a block, as if no pool were useful to it: disk first, then it asks. */
  giveBack(machine: Machine, crash: CrashPoint): void {
    if (machine.agent === undefined) return;
    const [spare] = spareBlocks(machine.agent, machine.told, () => false, this.nowMs);
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
    for (const [name, { uid }] of this.blocks) if (uid === returnedUid) this.#delete(name);
    this.tellBlocks(machine);
  }

  /** By an operator that may lag, but not by one that is behind what the machine knows. */
  tellBlocks(machine: Machine, { at, blocks }: View = this.#live()): void {
    if (machine.agent === undefined || at < machine.toldAt) return;
    const nodeUid = this.nodeUids.get(machine.name);
    const borrowed = blocks.filter(({ spec }) => spec.lender !== undefined).map(({ spec }) => spec.cidr);
    const own = blocks.filter(({ spec }) => spec.nodeUid === nodeUid && spec.lender !== machine.name);
    machine.toldAt = at;
    machine.told = own.map(({ uid, spec: { cidr, pool } }) => {
      const lent = borrowed.filter((part) => part !== cidr && isWithin(cidr, part.split('/')[0] ?? ''));
      return { uid, cidr, pool, reserved: [...RESERVED, ...lent] };
    });
    machine.agent = withBlocks(machine.agent, machine.told);
  }

  /** An operator, by what it last read, asks a lender what it could lend. */
  borrow(operator: number, lender: Machine, borrower: Machine): void {
    if (lender === borrower || lender.agent === undefined) return;
    const nodeUid = this.nodeUids.get(lender.name);
    const wholes = this.#view(operator).blocks.filter(
      ({ spec }) => spec.nodeUid === nodeUid && spec.lender === undefined,
    );
    for (const { uid: blockUid, spec } of wholes) {
      const answer = proposeLoan(lender.agent, spec.cidr, this.nowMs);
      if ('cidr' in answer) this.borrowings.push({ lender, borrower, blockUid, cidr: answer.cidr, next: 'create' });
    }
  }

  /** One of the borrowings comes a step further, or to its end; other things happen between. */
  goOnBorrowing(index: number, crash: CrashPoint): void {
    const borrowing = this.borrowings[index % Math.max(1, this.borrowings.length)];
    if (borrowing === undefined) return;
    const next = this.#stepOf(borrowing, crash);
    if (next !== undefined) borrowing.next = next;
    else this.borrowings.splice(this.borrowings.indexOf(borrowing), 1);
  }

  /** The operator dies, or is too late. */
  giveUpBorrowing(index: number): void {
    this.borrowings.splice(index % Math.max(1, this.borrowings.length), 1);
  }

  /** Undefined when it has come to its end, good or bad; what it leaves behind the leader cleans up. */
  #stepOf(borrowing: Borrowing, crash: CrashPoint): Borrowing['next'] | undefined {
    const { lender, borrower, blockUid, cidr, uid = '' } = borrowing;
    const name = blockName(cidr);
    const stored = this.blocks.get(name);
    switch (borrowing.next) {
      case 'create': {
        if (stored !== undefined) return undefined;
        this.#counter += 1;
        borrowing.uid = `loan-${this.#counter}`;
        const nodeUid = this.nodeUids.get(lender.name) ?? '';
        const pool = POOLS[familyOf(cidr)].name;
        const spec = { cidr, pool, nodeName: lender.name, nodeUid, lender: lender.name };
        this.#put(name, { uid: borrowing.uid, spec });
        return 'look';
      }
      case 'look':
        return [...this.blocks.values()].some((block) => block.uid === blockUid) ? 'agree' : undefined;
      case 'agree': {
        const change = lender.agent === undefined ? 'it is away' : lend(lender.agent, { uid, cidr }, this.nowMs);
        if (typeof change === 'string') return undefined;
        return this.#commit(lender, change, crash) ? 'hand over' : undefined;
      }
      case 'hand over': {
        if (stored?.uid !== uid) return undefined;
        const nodeUid = this.nodeUids.get(borrower.name) ?? '';
        this.#put(name, { uid, spec: { ...stored.spec, nodeName: borrower.name, nodeUid } });
        if (crash === 'none') this.tellBlocks(borrower);
        return undefined;
      }
    }
  }

  /** The leader deletes what no lender has agreed to, however far somebody is with it. */
  dropUnagreed(): void {
    const unagreed = [...this.blocks].find(([, { spec }]) => spec.lender === spec.nodeName);
    if (unagreed !== undefined) this.#delete(unagreed[0]);
  }

  /** The agent asks what has become of its loans, or, after a lost journal, which there are, and which blocks it has. */
  lookAtLoans(machine: Machine, crash: CrashPoint): void {
    if (machine.agent === undefined) return;
    const live = [...this.blocks.values()];
    const uids = new Set(live.map(({ uid }) => uid));
    const over = [...machine.agent.lent.keys()].filter((uid) => !uids.has(uid));
    const nodeUid = this.nodeUids.get(machine.name);
    const own = live.filter(({ spec }) => spec.nodeUid === nodeUid && spec.lender === undefined);
    const loans = live
      .filter(({ spec }) => spec.lender !== undefined)
      .filter(({ spec }) => own.some((whole) => isWithin(whole.spec.cidr, spec.cidr.split('/')[0] ?? '')))
      .map(({ uid, spec: { cidr } }) => ({ uid, cidr }));
    if (!this.#commit(machine, endLoans(machine.agent, over, this.nowMs), crash)) return;
    const blocks = live.filter(({ spec }) => spec.nodeUid === nodeUid).map(({ uid }) => uid);
    const told = machine.told.map(({ uid }) => uid);
    // The operator that answers has heard of all that is gone, and the node takes nothing of one that is behind it.
    if (machine.agent.isUnsure) machine.toldAt = this.#changes;
    if (!this.#commit(machine, learnLost(machine.agent, { loans, blocks }, told), crash)) return;
    machine.agent = withBlocks(machine.agent, machine.told);
  }

  #put(name: string, block: StoredBlock): void {
    this.#changes += 1;
    this.blocks.set(name, block);
  }

  #delete(name: string): void {
    this.#changes += 1;
    this.blocks.delete(name);
  }

  /** Blocks of deleted Nodes are free again once every agent says that it holds none of it and no node remembers it. */
  endQuarantine(): void {
    const uids = new Set(this.nodeUids.values());
    if (this.machines.some(({ agent }) => agent === undefined)) return;
    for (const [name, { uid, spec }] of this.blocks) {
      if (uids.has(spec.nodeUid)) continue;
      const isReported = this.machines.some(({ told }) => told.some((block) => block.uid === uid));
      const isHeld = this.machines.some(({ agent, live }) =>
        [...(agent?.leases.values() ?? []), ...[...live.values()].flat()].some(({ address }) =>
          isWithin(spec.cidr, address),
        ),
      );
      const isRemembered = [...this.beliefs.values()].some((known) =>
        [...known.keys()].some((address) => isWithin(spec.cidr, address)),
      );
      if (!isReported && !isHeld && !isRemembered) this.#delete(name);
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
    wrong.push(...this.#loansViolated());
    const ranges = [...this.blocks.values()].map(({ spec }) => spec.cidr);
    if (new Set(ranges).size !== ranges.length) wrong.push(`blocks overlap: ${ranges.join(', ')}`);
    return wrong;
  }

  #loansViolated(): string[] {
    const borrowed = [...this.blocks.values()].filter(
      ({ spec: { lender, nodeName } }) => (lender ?? nodeName) !== nodeName,
    );
    return borrowed.flatMap(({ spec: { cidr, nodeName } }, index) => {
      const first = cidr.split('/')[0] ?? '';
      const others = borrowed.slice(index + 1).filter(({ spec }) => isWithin(spec.cidr, first));
      const strangers = this.machines.flatMap(({ name, live }) => {
        const leases = [...live.values()].flat();
        const wrong = leases.filter(
          ({ address }) => isWithin(cidr, address) && (name !== nodeName || address === first),
        );
        return wrong.map(({ address }) => `${address} is held on ${name}, and ${cidr} is borrowed by ${nodeName}`);
      });
      return [...others.map(({ spec }) => `${cidr} and ${spec.cidr} are borrowed both`), ...strangers];
    });
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
