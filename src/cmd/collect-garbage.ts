import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * A full garbage collection, which stops the process for as long as it takes (0.2 s for 300 MB). V8 itself puts that off
 * for minutes while little is allocated, and reading in a whole cluster leaves a third of the heap as garbage.
 */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  gc();
}
