import { expect, test } from '@jest/globals';
import type { MeshService, MeshServiceSource } from '../../src/api/generated/meshservice.ts';
import { FoundSources } from '../../src/controllers/mesh/found-sources.ts';
import { Store } from '../../src/kube/store.ts';

let version = 0;
function mesh(name: string, source: MeshServiceSource): MeshService {
  version += 1;
  const metadata = { name, namespace: 'shop', uid: name, resourceVersion: String(version) };
  return { metadata, spec: { source, ports: [{ port: 80, protocol: 'HTTP' }] } };
}
const eureka = (application: string) => ({ eureka: { application, serviceUrls: ['http://eureka/'] } });

test('sources are followed as MeshServices come, change and go, and those of no registry are not', () => {
  const store = new Store<MeshService>();
  const open = new Map<string, () => void>();
  const changes: string[] = [];
  store.set(mesh('a', eureka('one')));
  const sources = new FoundSources(
    store,
    ({ eureka: sought }, namespace, changed) => {
      if (sought === undefined) return undefined;
      const key = `${namespace} ${sought.application}`;
      open.set(key, changed);
      return { state: () => ({ problem: key }), close: () => open.delete(key) };
    },
    (key) => changes.push(key),
  );
  store.set(mesh('b', { service: { name: 'web' } }));
  expect([...open.keys()]).toEqual(['shop one']);
  expect(sources.stateOf('shop/a')).toEqual({ problem: 'shop one' });
  expect(sources.stateOf('shop/b')).toBeUndefined();
  open.get('shop one')?.();
  expect(changes).toEqual(['shop/a']);

  store.set(mesh('a', eureka('one')));
  const same = open.get('shop one');
  store.set(mesh('b', eureka('two')));
  store.set(mesh('a', eureka('three')));
  expect(same).toBeDefined();
  expect([...open.keys()].sort()).toEqual(['shop three', 'shop two']);
  const gone = store.get('shop/b');
  if (gone !== undefined) store.delete(gone);
  expect([...open.keys()]).toEqual(['shop three']);
  sources.close();
  expect(open.size).toBe(0);
});
