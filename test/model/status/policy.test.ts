import { expect, test } from '@jest/globals';
import { type PolicyFacts, policyStatus } from '../../../src/model/status/policy.ts';

const node = { name: 'node-1', isReachable: true, wanted: 'v2', acknowledged: 'v2' };
const proxy = (acknowledged: string) => ({ name: 'proxy of shop/web', isReachable: true, wanted: 'p2', acknowledged });
const facts = (more: Partial<PolicyFacts>): PolicyFacts => ({
  ...{ selectedPods: 2, problems: [], targets: [node], stored: [], isSettled: true },
  ...more,
});
const conditionsOf = (more: Partial<PolicyFacts>) =>
  Object.fromEntries(
    policyStatus(facts(more)).conditions.map(({ type, status, reason, message }) => [
      type,
      { status, reason, message },
    ]),
  );

test('a policy about requests is in force when the proxies of its pods say so too', () => {
  const judging = (acknowledged: string) => ({ judging: { proxies: [proxy(acknowledged)], without: [] } });
  expect(conditionsOf(judging('p1'))['Programmed']).toMatchObject({
    status: 'False',
    reason: 'Pending',
    message: expect.stringContaining('proxy of shop/web'),
  });
  expect(conditionsOf(judging('p2'))).toMatchObject({
    Programmed: { status: 'True' },
    RequestsJudged: { status: 'True', reason: 'JudgedByProxies' },
  });
  expect(policyStatus(facts(judging('p1'))).nodes).toEqual({ targeted: 1, programmed: 1, failed: 0 });
});

test('pods without a proxy are told of, and only by policies about requests', () => {
  expect(conditionsOf({ judging: { proxies: [], without: ['shop/db'] } })['RequestsJudged']).toMatchObject({
    status: 'False',
    reason: 'NoProxy',
    message: expect.stringContaining('1 of 2 pods have no proxy that reads HTTP, for example shop/db'),
  });
  expect(conditionsOf({})).not.toHaveProperty('RequestsJudged');
});
