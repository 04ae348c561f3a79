import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { World, type CrashPoint } from './world.ts';

interface Step {
  readonly index: number;
  readonly other: number;
  readonly crash: CrashPoint;
}

/** What can happen, in any order and at any time. */
const STEPS = {
  startPod: (world: World, { index, crash }: Step) => world.startPod(world.machine(index), crash),
  retryPod: (world: World, { index, crash }: Step) => world.retryPod(world.machine(index), crash),
  stopPod: (world: World, { index, other, crash }: Step) => world.stopPod(world.machine(index), other, crash),
  replaceSandbox: (world: World, { index, crash }: Step) => world.replaceSandbox(world.machine(index), crash),
  deleteStaleSandbox: (world: World, { index }: Step) => world.deleteStaleSandbox(world.machine(index)),
  collect: (world: World, { index }: Step) => world.collect(world.machine(index)),
  killAgent: (world: World, { index }: Step) => world.killAgent(world.machine(index)),
  startAgent: (world: World, { index }: Step) => world.startAgent(world.machine(index)),
  loseJournal: (world: World, { index }: Step) => world.loseJournal(world.machine(index)),
  reboot: (world: World, { index }: Step) => world.reboot(world.machine(index)),
  recreateNode: (world: World, { index }: Step) => world.recreateNode(world.machine(index)),
  sync: (world: World, { other }: Step) => world.sync(other),
  claim: (world: World, { index, other, crash }: Step) => world.claim(other, world.machine(index), crash),
  tellBlocks: (world: World, { index }: Step) => world.tellBlocks(world.machine(index)),
  endQuarantine: (world: World) => world.endQuarantine(),
  update: (world: World, { index }: Step) => world.update(world.machine(index)),
  acknowledge: (world: World, { index }: Step) => world.acknowledge(world.machine(index)),
  tick: (world: World, { other }: Step) => {
    world.nowMs += 1000 + other * 2000;
  },
};

const NAMES = Object.keys(STEPS) as (keyof typeof STEPS)[];

const step = fc.record({
  index: fc.integer({ min: 0, max: 2 }),
  other: fc.integer({ min: 0, max: 5 }),
  // Crashes are rare enough to leave something that can go wrong later.
  crash: fc.constantFrom<CrashPoint>('none', 'none', 'none', 'none', 'none', 'none', 'before journal', 'after journal'),
});

describe('addresses, whatever happens', () => {
  test('no two live pods hold one address, and nobody inherits the rights of its last holder', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(...NAMES), step), { minLength: 20, maxLength: 200, size: 'max' }),
        (steps) => {
          const world = new World();
          for (const [what, how] of steps) {
            STEPS[what](world, how);
            const wrong = world.violations();
            if (wrong.length > 0) throw new Error(`after ${what}: ${wrong.join('; ')}`);
          }
        },
      ),
      { numRuns: 400 },
    );
  });

  test('the worlds that are tried do reuse addresses: the check is about something', () => {
    const world = new World();
    const run = (what: keyof typeof STEPS) => STEPS[what](world, { index: 0, other: 5, crash: 'none' });
    run('claim');
    const seen: string[] = [];
    for (let round = 0; round < 8; round += 1) {
      run('startPod');
      seen.push(...[...world.machine(0).live.values()].map(({ address }) => address));
      for (const what of ['update', 'stopPod', 'update', 'acknowledge', 'tick'] as const) run(what);
    }
    expect(seen).toHaveLength(8);
    expect(new Set(seen).size).toBe(3);
    expect(world.violations()).toEqual([]);
  });

  test.each([
    ['is reused before it has rested', ['update', 'stopPod', 'update', 'acknowledge']],
    ['is reused before every node has forgotten its holder', ['update', 'stopPod', 'acknowledge', 'tick']],
  ] as const)('an address never %s', (_, between) => {
    const world = new World();
    const run = (what: keyof typeof STEPS) => STEPS[what](world, { index: 0, other: 5, crash: 'none' });
    run('claim');
    for (let count = 0; count < 3; count += 1) run('startPod');
    for (const what of between) run(what);
    run('startPod');
    expect(world.machine(0).live.size).toBe(2);
    expect(world.machine(0).waiting.size).toBe(1);
  });
});
