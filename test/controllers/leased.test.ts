import { expect, test } from '@jest/globals';
import { LeasedAddresses } from '../../src/controllers/node-state/leased.ts';

test('a range is used as long as any pod holds an address of it, of whichever family', () => {
  const leased = new LeasedAddresses(() => 'main');
  leased.change(new Map([['u1', ['10.42.1.7', 'fd00::7']]]));
  expect(leased.isUsed('10.42.1.0/26')).toBe(true);
  expect(leased.isUsed('fd00::/122')).toBe(true);
  expect(leased.isUsed('10.42.1.64/26')).toBe(false);
  leased.change(new Map([['u1', undefined]]));
  expect(leased.isUsed('10.42.1.0/26')).toBe(false);
});

test('what was leased before its pool was known is counted once it is, and nothing twice', () => {
  let pool: string | undefined;
  const leased = new LeasedAddresses(() => pool);
  leased.change(new Map([['u1', ['10.42.1.7', '10.42.1.8']]]));
  expect(leased.in('late')).toBe(0);
  pool = 'late';
  leased.recount();
  leased.recount();
  expect(leased.in('late')).toBe(2);
  leased.change(new Map([['u1', undefined]]));
  expect(leased.in('late')).toBe(0);
});
