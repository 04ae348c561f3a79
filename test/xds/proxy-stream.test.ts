import { describe, expect, test } from '@jest/globals';
import { ProxyStream } from '../../src/xds/proxy-stream.ts';
import { TYPE_URL } from '../../src/xds/resource-types.ts';
import { Rejections, type Snapshot } from '../../src/xds/snapshot.ts';
import type { Batch, Outcome, SubscriptionRequest } from '../../src/xds/subscription.ts';

type Type = keyof typeof TYPE_URL;
/** By type, then name: versions. */
type Versions = Partial<Record<Type, Record<string, string>>>;

function snapshotOf(versions: Versions): Snapshot {
  return new Map(
    Object.entries(versions).map(([type, byName]) => [
      TYPE_URL[type as Type],
      new Map(Object.entries(byName).map(([name, version]) => [name, { version, value: new Uint8Array() }])),
    ]),
  );
}

/** The proxy's end: notes what it is sent, and answers when told to. */
class Peer {
  readonly rejections = new Rejections();
  readonly outcomes: Outcome[] = [];
  readonly sent: string[] = [];
  readonly #unanswered = new Map<string, { nonce: string; batch: Batch }>();
  readonly stream: ProxyStream;

  constructor(versions: Versions) {
    this.stream = new ProxyStream(snapshotOf(versions), {
      rejections: this.rejections,
      send: (typeUrl, nonce, batch) => {
        const type = Object.entries(TYPE_URL).find(([, url]) => url === typeUrl)?.[0] ?? typeUrl;
        const names = [...batch.upserts.map(({ name }) => name), ...batch.removals.map((name) => `-${name}`)];
        this.sent.push(`${type} ${names.join(' ')}`);
        this.#unanswered.set(typeUrl, { nonce, batch });
      },
      outcome: (_, outcome) => this.outcomes.push(outcome),
    });
  }

  ask(type: Type, names: readonly string[], more: Partial<SubscriptionRequest> = {}): void {
    this.stream.receive(TYPE_URL[type], {
      resourceNamesSubscribe: names,
      resourceNamesUnsubscribe: [],
      initialResourceVersions: {},
      responseNonce: '',
      errorMessage: undefined,
      ...more,
    });
  }

  /** Answers the last response of the type; with a culprit in it, by a refusal of all. */
  answer(type: Type, culprit?: string): boolean {
    const last = this.#unanswered.get(TYPE_URL[type]);
    if (last === undefined) return false;
    this.#unanswered.delete(TYPE_URL[type]);
    const isBad = last.batch.upserts.some(({ name }) => name === culprit);
    this.ask(type, [], { responseNonce: last.nonce, errorMessage: isBad ? 'bad' : undefined });
    return true;
  }

  /** What was sent since the last time. */
  take(): string[] {
    return this.sent.splice(0);
  }
}

/** A proxy that has asked for everything and accepted everything. */
function settled(versions: Versions): Peer {
  const peer = new Peer(versions);
  peer.ask('cds', ['*']);
  peer.answer('cds');
  peer.ask('eds', Object.keys(versions.eds ?? {}));
  peer.answer('eds');
  peer.ask('lds', ['*']);
  peer.answer('lds');
  peer.ask('rds', Object.keys(versions.rds ?? {}));
  peer.answer('rds');
  peer.take();
  return peer;
}

describe('a stream', () => {
  test('sends all of a wildcard type and only the asked-for names of the others', () => {
    const peer = new Peer({ cds: { a: '1', b: '1' }, eds: { a: '1', b: '1' } });
    peer.ask('cds', []);
    peer.ask('eds', ['b', 'unknown']);
    expect(peer.take()).toEqual(['cds a b', 'eds b']);
  });

  test('sends only what changed, and nothing for an equal snapshot', () => {
    const peer = settled({ cds: { a: '1', b: '1' } });
    peer.stream.setSnapshot(snapshotOf({ cds: { a: '1', b: '2' } }));
    expect(peer.take()).toEqual(['cds b']);
    peer.answer('cds');
    peer.stream.setSnapshot(snapshotOf({ cds: { a: '1', b: '2' } }));
    expect(peer.take()).toEqual([]);
  });

  test('waits for an answer before it sends more of the type, and then sends the newest', () => {
    const peer = settled({ cds: { a: '1' } });
    for (const version of ['2', '3', '4']) peer.stream.setSnapshot(snapshotOf({ cds: { a: version } }));
    expect(peer.take()).toEqual(['cds a']);
    peer.answer('cds');
    expect(peer.take()).toEqual(['cds a']);
    peer.answer('cds');
    expect(peer.take()).toEqual([]);
    expect(peer.outcomes.at(-1)).toEqual({ accepted: new Map([['a', '4']]) });
  });

  test('sends a route only after the cluster that it leads to and its endpoints are accepted', () => {
    const peer = settled({ cds: { a: '1' }, eds: { a: '1' }, lds: { l: '1' }, rds: { r: '1' } });
    peer.stream.setSnapshot(
      snapshotOf({ cds: { a: '1', b: '1' }, eds: { a: '1', b: '1' }, lds: { l: '2' }, rds: { r: '2' } }),
    );
    expect(peer.take()).toEqual(['cds b']);
    peer.answer('cds');
    expect(peer.take()).toEqual([]);
    peer.ask('eds', ['b']);
    expect(peer.take()).toEqual(['eds b']);
    peer.answer('eds');
    expect(peer.take()).toEqual(['lds l', 'rds r']);
  });

  test('sends the unchanged endpoints of a changed cluster again, as the proxy warms it with them', () => {
    const peer = settled({ cds: { a: '1', b: '1' }, eds: { a: '1', b: '1' } });
    peer.stream.setSnapshot(snapshotOf({ cds: { a: '2', b: '1' }, eds: { a: '1', b: '1' } }));
    expect(peer.take()).toEqual(['cds a', 'eds a']);
    peer.answer('eds');
    peer.answer('cds');
    expect(peer.take()).toEqual([]);
  });

  test('sends them once more when they were under way already before the cluster changed', () => {
    const peer = settled({ cds: { a: '1' }, eds: { a: '1' } });
    peer.stream.setSnapshot(snapshotOf({ cds: { a: '1' }, eds: { a: '2' } }));
    peer.stream.setSnapshot(snapshotOf({ cds: { a: '2' }, eds: { a: '2' } }));
    expect(peer.take()).toEqual(['eds a', 'cds a']);
    peer.answer('eds');
    expect(peer.take()).toEqual(['eds a']);
  });

  test('sends them to a proxy that comes back with the old cluster and says that it has them', () => {
    const peer = new Peer({ cds: { a: '2' }, eds: { a: '1', b: '1' } });
    peer.ask('cds', ['*'], { initialResourceVersions: { a: '1' } });
    peer.ask('eds', ['a', 'b'], { initialResourceVersions: { a: '1', b: '1' } });
    expect(peer.take()).toEqual(['cds a', 'eds a']);
  });

  test('withdraws a cluster only after the routes that led to it are replaced', () => {
    const peer = settled({ cds: { a: '1', b: '1' }, rds: { r: '1' } });
    peer.stream.setSnapshot(snapshotOf({ cds: { a: '1' }, rds: { r: '2' } }));
    expect(peer.take()).toEqual(['rds r']);
    peer.answer('rds');
    expect(peer.take()).toEqual(['cds -b']);
  });

  test('after a reconnect sends what the proxy lacks only, and counts what it has as accepted', () => {
    const peer = new Peer({ cds: { a: '2', b: '1' } });
    peer.ask('cds', ['*'], { initialResourceVersions: { a: '1', b: '1', gone: '1' } });
    expect(peer.take()).toEqual(['cds a -gone']);
    expect(peer.outcomes).toEqual([
      {
        accepted: new Map([
          ['a', '1'],
          ['b', '1'],
          ['gone', '1'],
        ]),
      },
    ]);
  });

  test('sends again what is asked for again, and nothing more of what is not wanted any more', () => {
    const peer = settled({ cds: {}, eds: { a: '1' } });
    peer.ask('eds', ['a']);
    expect(peer.take()).toEqual(['eds a']);
    peer.answer('eds');
    peer.ask('eds', [], { resourceNamesUnsubscribe: ['a'] });
    peer.stream.setSnapshot(snapshotOf({ cds: {}, eds: { a: '2' } }));
    expect(peer.take()).toEqual([]);
  });

  test('takes an answer to an old nonce for no answer', () => {
    const peer = new Peer({ cds: { a: '1' } });
    peer.ask('cds', ['*']);
    peer.ask('cds', [], { responseNonce: 'old', errorMessage: 'bad' });
    expect(peer.outcomes).toEqual([]);
  });
});

describe('what a proxy holds, against what it has said', () => {
  const held = (versions: Record<string, string>) => new Map(Object.entries(versions));
  const both = { cds: { a: '1', b: '1' }, eds: { a: '1', b: '1' }, lds: { l: '1' } };

  test('is nothing where it is so, and nothing can be said while it is being told', () => {
    const peer = settled(both);
    expect(peer.stream.differences(TYPE_URL.cds, held({ a: '1', b: '1' }))).toEqual([]);
    peer.stream.setSnapshot(snapshotOf({ ...both, cds: { a: '1', b: '2' } }));
    expect(peer.stream.differences(TYPE_URL.cds, held({ a: 'x', b: '1' }))).toEqual([]);
  });

  test('is named, sent again where it lacks something, and taken away where it has too much', () => {
    const peer = settled(both);
    const typeUrl = TYPE_URL.cds;
    const differences = peer.stream.differences(typeUrl, held({ a: '0', gone: '1' }));
    expect(differences).toEqual([
      { typeUrl, name: 'a', said: '1', held: '0' },
      { typeUrl, name: 'b', said: '1', held: undefined },
      { typeUrl, name: 'gone', said: undefined, held: '1' },
    ]);
    peer.stream.correct(differences);
    // A changed cluster waits for its endpoints.
    expect(peer.take()).toEqual(['cds a b -gone', 'eds a b']);
    peer.answer('cds');
    expect(peer.stream.differences(typeUrl, held({ a: '1', b: '1' }))).toEqual([]);
  });

  test('is no difference where it has refused what is offered, and keeps what it had', () => {
    const peer = settled(both);
    peer.stream.setSnapshot(snapshotOf({ ...both, cds: { a: '2', b: '1' } }));
    peer.answer('cds', 'a');
    expect(peer.stream.differences(TYPE_URL.cds, held({ a: '1', b: '1' }))).toEqual([]);
  });
});

describe('a rejected response', () => {
  const names = Array.from({ length: 21 }, (_, index) => `c${index}`);
  const clusters = (version: string, culprit?: string) => ({
    cds: Object.fromEntries(names.map((name) => [name, name === culprit ? 'bad' : version])),
  });

  test.each(names)('with culprit %s: it alone is blamed, the others go through', (culprit) => {
    const peer = new Peer(clusters('1'));
    peer.ask('cds', ['*']);
    let answers = 0;
    while (peer.answer('cds', culprit)) answers += 1;
    const rejected = peer.outcomes.flatMap((outcome) => ('rejected' in outcome ? [outcome.rejected] : []));
    const accepted = peer.outcomes.flatMap((outcome) => ('accepted' in outcome ? [...outcome.accepted.keys()] : []));
    expect(rejected).toEqual([{ name: culprit, version: '1', message: 'bad' }]);
    expect(accepted.sort()).toEqual(names.filter((name) => name !== culprit).sort());
    expect(answers).toBeLessThanOrEqual(1 + 2 * Math.ceil(Math.log2(names.length)));
  });

  test('does not hold up routes, nor is it sent again before its version changes', () => {
    const peer = settled({ cds: { a: '1' }, rds: { r: '1' } });
    peer.stream.setSnapshot(snapshotOf({ cds: { a: '2' }, rds: { r: '2' } }));
    peer.answer('cds', 'a');
    expect(peer.take()).toEqual(['cds a', 'rds r']);
    peer.stream.setSnapshot(snapshotOf({ cds: { a: '2' }, rds: { r: '2' } }));
    expect(peer.take()).toEqual([]);
    peer.stream.setSnapshot(snapshotOf({ cds: { a: '3' }, rds: { r: '2' } }));
    expect(peer.take()).toEqual(['cds a']);
  });
});
