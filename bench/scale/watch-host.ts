/** The baseline: a watch of all objects of a kind that does nothing but say which came when. Arguments: a kubeconfig, a kind. */
import type { KubeObject } from '../../src/api/meta.ts';
import { KubeClient } from '../../src/kube/client.ts';
import { loadConnection } from '../../src/kube/connection.ts';
import { collectionPath, type Kind, KINDS } from '../../src/kube/kinds.ts';
import { trimObject } from '../../src/kube/trim.ts';
import { parsePage, parseWatchLine } from '../../src/kube/watch-event.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { wallMs } from '../wall-clock.ts';

/** Sent to the parent for each event; `name` is empty when the watch begins. */
export interface WatchEvent {
  readonly name: string;
  readonly resourceVersion: string;
  readonly atMs: number;
}

const [file = '', name = ''] = process.argv.slice(2);
const kind: Kind<KubeObject> = name === 'endpointSlice' ? KINDS.endpointSlice : KINDS.pod;
const api = new KubeClient(loadConnection({ from: 'file', path: file }, systemClock), systemClock);
const path = collectionPath(kind);
const { resourceVersion } = parsePage<KubeObject>(await api.request('GET', path, { query: { limit: 1 } }), trimObject);
const say = ({ metadata }: KubeObject) => {
  const event: WatchEvent = {
    name: metadata.name,
    resourceVersion: metadata.resourceVersion ?? '',
    atMs: wallMs(),
  };
  process.send?.(event);
};
process.on('disconnect', () => process.exit());
say({ metadata: { name: '' } });
await api.watch(
  path,
  { resourceVersion, allowWatchBookmarks: true },
  (line) => {
    const event = parseWatchLine<KubeObject>(`WATCH ${kind.plural}`, line, trimObject);
    if (event.type === 'set') say(event.object);
  },
  new AbortController().signal,
);
