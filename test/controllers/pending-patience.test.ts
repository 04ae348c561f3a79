import { expect, test } from '@jest/globals';
import { PendingPatience } from '../../src/controllers/pending-patience.ts';
import { FakeClock } from '../kube-room/fake-clock.ts';

const pending = [{ type: 'Programmed', status: 'False', reason: 'Pending', message: '' }] as const;
const done = [{ type: 'Programmed', status: 'True', reason: 'Programmed', message: '' }] as const;
const rejected = [{ type: 'Programmed', status: 'False', reason: 'Rejected', message: '' }] as const;

test('what is done within a quarter of a second is not told to be pending first', async () => {
  const clock = new FakeClock();
  const patience = new PendingPatience(clock);
  expect(patience.heldBack('a', pending)).toEqual({ requeueAfterMs: 20 });
  await clock.advance(249);
  expect(patience.heldBack('a', pending)).toEqual({ requeueAfterMs: 20 });
  expect(patience.heldBack('a', done)).toBeUndefined();
  expect(patience.heldBack('a', pending)).toEqual({ requeueAfterMs: 20 });
});

test('what takes longer is told, and so is a refusal at once', async () => {
  const clock = new FakeClock();
  const patience = new PendingPatience(clock);
  expect(patience.heldBack('a', rejected)).toBeUndefined();
  patience.heldBack('a', pending);
  await clock.advance(250);
  expect(patience.heldBack('a', pending)).toBeUndefined();
  expect(patience.heldBack('b', pending)).toEqual({ requeueAfterMs: 20 });
});
