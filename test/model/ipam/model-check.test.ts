import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { World } from './world.ts';
import type { CrashPoint, Wish } from './world-parts.ts';

interface Step {
  readonly index: number;
  readonly other: number;
  readonly crash: CrashPoint;
  readonly wish: Wish;
}

/** Of blocks that the first machine owns at the beginning, of others, reserved, and the first of a block. */
const FIXED = ['10.0.0.5', '10.0.0.6', 'fd00::5', 'fd00::6', '10.0.0.13', 'fd00::d', '10.0.0.9', 'fd00::a', 'fd00::8'];
const BOTH: Wish = { families: [4, 6], fixed: [] };
const WISHES: readonly Wish[] = [
  ...Array.from({ length: 6 }, () => BOTH),
  { families: [4], fixed: [] },
  { families: [6], fixed: [] },
  { families: [4], fixed: ['10.0.0.5'] },
  { families: [4, 6], fixed: ['10.0.0.5', 'fd00::5'] },
  { families: [4, 6], fixed: ['10.0.0.6', 'fd00::6'] },
  ...FIXED.map((address): Wish => ({ families: [4, 6], fixed: [address] })),
];

/** What can happen, in any order and at any time. */
const STEPS = {
  startPod: (world: World, { index, crash, wish }: Step) => world.startPod(world.machine(index), wish, crash),
  changeWish: (world: World, { index, other, wish }: Step) => world.changeWish(world.machine(index), other, wish),
  retryPod: (world: World, { index, crash }: Step) => world.retryPod(world.machine(index), crash),
  stopPod: (world: World, { index, other, crash }: Step) => world.stopPod(world.machine(index), other, crash),
  replaceSandbox: (world: World, { index, other, crash }: Step) =>
    world.replaceSandbox(world.machine(index), other, undefined, crash),
  replaceOtherwise: (world: World, { index, other, crash, wish }: Step) =>
    world.replaceSandbox(world.machine(index), other, wish, crash),
  deleteStaleSandbox: (world: World, { index }: Step) => world.deleteStaleSandbox(world.machine(index)),
  collect: (world: World, { index }: Step) => world.collect(world.machine(index)),
  killAgent: (world: World, { index }: Step) => world.killAgent(world.machine(index)),
  startAgent: (world: World, { index }: Step) => world.startAgent(world.machine(index)),
  loseJournal: (world: World, { index }: Step) => world.loseJournal(world.machine(index)),
  compact: (world: World, { index }: Step) => world.compact(world.machine(index)),
  reboot: (world: World, { index }: Step) => world.reboot(world.machine(index)),
  recreateNode: (world: World, { index }: Step) => world.recreateNode(world.machine(index)),
  sync: (world: World, { other }: Step) => world.sync(other),
  claim: (world: World, { index, other, crash }: Step) => world.claim(other, world.machine(index), 4, crash),
  claim6: (world: World, { index, other, crash }: Step) => world.claim(other, world.machine(index), 6, crash),
  claimAddress: (world: World, { index, other, crash }: Step) =>
    world.claimAddress(other, world.machine(index), FIXED[other % FIXED.length] ?? '', crash),
  giveBack: (world: World, { index, crash }: Step) => world.giveBack(world.machine(index), crash),
  takeBack: (world: World) => world.takeBack(),
  tellBlocks: (world: World, { index }: Step) => world.tellBlocks(world.machine(index)),
  tellOldBlocks: (world: World, { index, other }: Step) =>
    world.tellBlocks(world.machine(index), world.views[other % 2]),
  borrow: (world: World, { index, other }: Step) =>
    world.borrow(other, world.machine(index), world.machine(index + 1 + (other % 2))),
  goOnBorrowing: (world: World, { other, crash }: Step) => world.goOnBorrowing(other, crash),
  giveUpBorrowing: (world: World, { other }: Step) => world.giveUpBorrowing(other),
  dropUnagreed: (world: World) => world.dropUnagreed(),
  lookAtLoans: (world: World, { index, crash }: Step) => world.lookAtLoans(world.machine(index), crash),
  endQuarantine: (world: World) => world.endQuarantine(),
  update: (world: World, { index }: Step) => world.update(world.machine(index)),
  acknowledge: (world: World, { index }: Step) => world.acknowledge(world.machine(index)),
  tick: (world: World, { other }: Step) => {
    world.nowMs += 1000 + other * 2000;
  },
};

type StepName = keyof typeof STEPS;

/** How often each comes, beside 1: so that worlds get somewhere between their disasters. */
const OFTEN: Partial<Record<StepName, number>> = {
  ...{ startPod: 14, retryPod: 12, stopPod: 6, replaceSandbox: 6, replaceOtherwise: 10, deleteStaleSandbox: 3 },
  ...{ startAgent: 20, claim: 8, claim6: 8, claimAddress: 6, giveBack: 6, takeBack: 6, endQuarantine: 6 },
  ...{ borrow: 8, goOnBorrowing: 24, lookAtLoans: 8, tellOldBlocks: 3 },
  ...{ sync: 12, tellBlocks: 6, update: 10, acknowledge: 10, tick: 10 },
};
const stepName = fc.oneof(
  ...(Object.keys(STEPS) as StepName[]).map((name) => ({ weight: OFTEN[name] ?? 1, arbitrary: fc.constant(name) })),
);

const NO_CRASH = Array.from({ length: 17 }, () => 'none' as const);

const step = fc.record({
  index: fc.integer({ min: 0, max: 2 }),
  other: fc.integer({ min: 0, max: 5 }),
  // Crashes are rare enough to leave something that can go wrong later.
  crash: fc.constantFrom<CrashPoint>(...NO_CRASH, 'before journal', 'within journal', 'after journal'),
  wish: fc.constantFrom(...WISHES),
});

/** Each machine owns a block of each family; those of the first have fixed addresses in them. */
function settledWorld(): World {
  const world = new World();
  for (const address of ['10.0.0.5', 'fd00::5']) world.claimAddress(0, world.machine(0), address, 'none');
  for (const operator of [0, 1]) world.sync(operator);
  for (const machine of world.machines) {
    for (const family of [4, 6] as const) if (!world.owns(machine, family)) world.claim(0, machine, family, 'none');
    world.sync(0);
  }
  return world;
}

/** The first machine owns all there is of IPv4, and the others have borrowed of it. */
function lentWorld(): World {
  const world = new World();
  const [lender, ...others] = world.machines;
  if (lender === undefined) throw new Error('there are machines');
  for (let count = 0; count < 4; count += 1) {
    world.claim(0, lender, 4, 'none');
    world.sync(0);
  }
  for (const borrower of others) {
    world.borrow(0, lender, borrower);
    for (let count = 0; count < 4; count += 1) world.goOnBorrowing(0, 'none');
    world.borrowings.splice(0);
  }
  for (const operator of [0, 1]) world.sync(operator);
  return world;
}

/** The same histories each time, so that a change is judged by them; others by `SEED=… RUNS=…` (CONTRIBUTING.md). */
const { SEED = '20261123', RUNS = '600' } = process.env;

describe('addresses, whatever happens', () => {
  test.each([
    ['each machine has its own', settledWorld],
    ['two borrow of the third', lentWorld],
  ])('no two live pods hold one address, and nobody inherits the rights of its last holder: %s', (_, worldOf) => {
    fc.assert(
      fc.property(fc.array(fc.tuple(stepName, step), { minLength: 50, maxLength: 250, size: 'max' }), (steps) => {
        const world = worldOf();
        for (const [what, how] of steps) {
          STEPS[what](world, how);
          const wrong = world.violations();
          if (wrong.length > 0) throw new Error(`after ${what}: ${wrong.join('; ')}`);
        }
      }),
      { numRuns: Number(RUNS), seed: Number(SEED) },
    );
  });

  test('nothing is leased of a block that was given back, when its journal is lost before its node was told so', () => {
    const world = settledWorld();
    const [careless, other] = [world.machine(1), world.machine(2)];
    world.giveBack(careless, 'after journal');
    world.takeBack();
    world.loseJournal(careless);
    for (const family of [4, 6] as const) for (const count of [0, 1]) world.claim(count, other, family, 'none');
    world.startAgent(careless);
    world.lookAtLoans(careless, 'none');
    for (const machine of world.machines) world.update(machine);
    world.acknowledge(careless);
    world.nowMs += 20_000;
    for (let count = 0; count < 4; count += 1) {
      world.startPod(careless, BOTH, 'none');
      world.startPod(other, BOTH, 'none');
      expect(world.violations()).toEqual([]);
    }
  });

  test('the worlds that are tried do reuse addresses: the check is about something', () => {
    const world = new World();
    const run = (what: StepName) => STEPS[what](world, { index: 0, other: 5, crash: 'none', wish: BOTH });
    run('claim');
    run('claim6');
    const seen: string[] = [];
    for (let round = 0; round < 8; round += 1) {
      run('startPod');
      seen.push(...[...world.machine(0).live.values()].flat().map(({ address }) => address));
      for (const what of ['update', 'stopPod', 'update', 'acknowledge', 'tick'] as const) run(what);
    }
    expect(seen).toHaveLength(16);
    expect(new Set(seen).size).toBe(6);
    expect(world.violations()).toEqual([]);
  });

  test('the worlds that are tried do borrow, and give back: the check is about something', () => {
    const world = lentWorld();
    const [lender, borrower] = [world.machine(0), world.machine(1)];
    const one: Wish = { families: [4], fixed: [] };
    world.startPod(borrower, one, 'none');
    expect([...borrower.live.values()].flat()).toMatchObject([{ address: expect.stringMatching(/^10\.0\.0\./) }]);
    for (let count = 0; count < 12; count += 1) world.startPod(lender, one, 'none');
    const held = [borrower, lender].flatMap(({ live }) => [...live.values()].flat().map(({ address }) => address));
    expect(new Set(held).size).toBe(held.length);
    const waiting = lender.waiting.size;
    expect(waiting).toBeGreaterThan(0);
    world.stopPod(borrower, 0, 'none');
    for (const machine of world.machines) world.update(machine);
    world.acknowledge(borrower);
    world.nowMs += 20_000;
    world.giveBack(borrower, 'none');
    world.takeBack();
    world.lookAtLoans(lender, 'none');
    world.retryPod(lender, 'none');
    expect(lender.waiting.size).toBe(waiting);
    world.acknowledge(lender);
    world.nowMs += 20_000;
    for (let count = 0; count < waiting; count += 1) world.retryPod(lender, 'none');
    expect(lender.waiting.size).toBe(waiting - 2);
    expect(world.violations()).toEqual([]);
  });

  test.each([
    ['is reused before it has rested', ['update', 'stopPod', 'update', 'acknowledge']],
    ['is reused before every node has forgotten its holder', ['update', 'stopPod', 'acknowledge', 'tick']],
  ] as const)('an address never %s', (_, between) => {
    const world = new World();
    const run = (what: StepName) => STEPS[what](world, { index: 0, other: 5, crash: 'none', wish: BOTH });
    run('claim');
    run('claim6');
    for (let count = 0; count < 3; count += 1) run('startPod');
    for (const what of between) run(what);
    run('startPod');
    expect(world.machine(0).live.size).toBe(2);
    expect(world.machine(0).waiting.size).toBe(1);
  });
});
