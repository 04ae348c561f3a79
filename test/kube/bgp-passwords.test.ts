import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { BGPPeer } from '../../src/api/generated/bgppeer.ts';
import { BgpPasswords } from '../../src/controllers/bgp/passwords.ts';
import { collectionPath, KINDS, objectPath } from '../../src/kube/kinds.ts';
import { Store } from '../../src/kube/store.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../kube-room/fake-clock.ts';
import { connect, kube, makeNamespace } from './cluster.ts';

const NAMESPACE = 'bgp-passwords';
const api = connect();
const end = new AbortController();

beforeAll(() => makeNamespace(api, NAMESPACE));
afterAll(async () => {
  end.abort();
  await kube('delete', 'namespace', NAMESPACE, '--wait=false');
  await api.close();
});

function peer(name: string, secret: string, resourceVersion: string): BGPPeer {
  const spec = { peerAddress: '192.0.2.1', asNumber: 1, passwordSecret: { name: secret } };
  return { metadata: { name, uid: name, resourceVersion }, spec };
}

test('passwords are those of the Secrets that BGPPeers name, and follow them', async () => {
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'one' }, stringData: { password: 'open' } };
  await api.request('POST', collectionPath(KINDS.secret, NAMESPACE), { body: secret });
  const peers = new Store<BGPPeer>();
  peers.set(peer('a', 'one', '1'));
  peers.set(peer('b', 'missing', '2'));
  const passwords = new BgpPasswords({ api, peers, namespace: NAMESPACE, clock: systemClock, log: silentLog });
  await passwords.readAll(end.signal);
  expect(passwords.of({ name: 'one', key: 'password' })).toBe('open');
  expect(passwords.of({ name: 'one', key: 'other' })).toBeUndefined();
  expect(passwords.of({ name: 'missing', key: 'password' })).toBeUndefined();

  const changed = () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    onChange = resolve;
    return promise;
  };
  let onChange = () => {};
  const running = passwords.run(() => onChange(), end.signal);
  const body = { stringData: { password: 'closed' } };
  const path = objectPath(KINDS.secret, { namespace: NAMESPACE, name: 'one' });
  await api.request('PATCH', path, { body, contentType: 'application/merge-patch+json' });
  // A BGPPeer that changes is looked after at once.
  const told = changed();
  peers.set(peer('b', 'one', '3'));
  await told;
  expect(passwords.of({ name: 'one', key: 'password' })).toBe('closed');

  const toldAgain = changed();
  await api.request('DELETE', path);
  peers.set(peer('b', 'one', '4'));
  await toldAgain;
  expect(passwords.of({ name: 'one', key: 'password' })).toBeUndefined();
  end.abort();
  await running;
});
