/** The baseline: a watch of all pods that does nothing but say which pod came when. Its argument is a kubeconfig. */
import type { Pod } from '../../src/api/kubernetes.ts';
import { KubeClient } from '../../src/kube/client.ts';
import { loadConnection } from '../../src/kube/connection.ts';
import { collectionPath, KINDS } from '../../src/kube/kinds.ts';
import { trimObject } from '../../src/kube/trim.ts';
import { parsePage, parseWatchLine } from '../../src/kube/watch-event.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { wallMs } from '../wall-clock.ts';

/** Sent to the parent for each event; `name` is empty when the watch begins. */
export interface PodEvent {
  readonly name: string;
  readonly atMs: number;
}

const [file = ''] = process.argv.slice(2);
const api = new KubeClient(loadConnection({ from: 'file', path: file }, systemClock), systemClock);
const path = collectionPath(KINDS.pod);
const { resourceVersion } = parsePage<Pod>(await api.request('GET', path, { query: { limit: 1 } }), trimObject);
const say = (name: string) => process.send?.({ name, atMs: wallMs() } satisfies PodEvent);
process.on('disconnect', () => process.exit());
say('');
await api.watch(
  path,
  { resourceVersion, allowWatchBookmarks: true },
  (line) => {
    const event = parseWatchLine<Pod>('WATCH pods', line, trimObject);
    if (event.type === 'set') say(event.object.metadata.name);
  },
  new AbortController().signal,
);
