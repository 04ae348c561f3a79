import { expect, test } from '@jest/globals';
import { whenCompiled } from '../../src/controllers/when-compiled.ts';
import { DONE } from '../../src/kube/controller.ts';

test('nothing is said to be in force while changes wait to be compiled', async () => {
  const reconciled: string[] = [];
  let isCompiled = false;
  const reconciler = whenCompiled(() => isCompiled, {
    async reconcile(key) {
      reconciled.push(key);
      return DONE;
    },
  });
  const { signal } = new AbortController();
  expect(await reconciler.reconcile('shop/web', signal)).toEqual({ requeueAfterMs: 5 });
  expect(reconciled).toEqual([]);
  isCompiled = true;
  expect(await reconciler.reconcile('shop/web', signal)).toBe(DONE);
  expect(reconciled).toEqual(['shop/web']);
});
