import { describe, expect, test } from '@jest/globals';
import { Acknowledged } from '../../../src/agent/envoy/acknowledged.ts';
import { Changes } from '../../../src/agent/envoy/changes.ts';
import type { EncodedResource } from '../../../src/agent/envoy/encoded.ts';
import { Layered } from '../../../src/agent/envoy/layered.ts';
import type { Source } from '../../../src/agent/envoy/snapshot.ts';

/** What a proxy is offered: one service, of IR version `version`, that became a listener and a route of these versions. */
class Offer {
  readonly #types = new Map(['lds', 'rds'].map((type) => [type, new Map<string, EncodedResource>()]));
  readonly #sources = new Map<string, Source>();
  readonly sources = new Layered(this.#sources, new Map());
  readonly resources = { get: (type: string) => new Layered(this.#types.get(type) ?? new Map(), new Map()) };

  change(version: string, listener: string, route: string): [Offer, Changes] {
    const changes = new Changes();
    const encoded = [listener, route].map((of, index) => {
      const now = { typeUrl: index === 0 ? 'lds' : 'rds', name: 'x', version: of, value: new Uint8Array() };
      const before = this.#types.get(now.typeUrl)?.get('x');
      if (before?.version !== of) changes.resource(now.typeUrl, 'x', before);
      this.#types.get(now.typeUrl)?.set('x', now);
      return now;
    });
    changes.source('service shop/x', this.#sources.get('service shop/x'));
    this.#sources.set('service shop/x', { origin: { kind: 'service', key: 'shop/x', version }, encoded });
    return [this, changes];
  }
}

const accepted = (version: string) => [{ kind: 'service', key: 'shop/x', version, accepted: true, message: '' }];

describe('what a proxy says of an IR resource', () => {
  test('is yes once it has accepted all that the resource became, and is said once', () => {
    const [said, offer] = [new Acknowledged(), new Offer()];
    expect(said.offer(...offer.change('1', 'l1', 'r1'))).toEqual([]);
    expect(said.accept('lds', new Map([['x', 'l1']]))).toEqual([]);
    expect(said.accept('rds', new Map([['x', 'r1']]))).toEqual(accepted('1'));
    expect(said.accept('rds', new Map([['x', 'r1']]))).toEqual([]);
  });

  test('is yes at once to a new version that changes nothing for the proxy', () => {
    const [said, offer] = [new Acknowledged(), new Offer()];
    said.offer(...offer.change('1', 'l1', 'r1'));
    said.accept('lds', new Map([['x', 'l1']]));
    said.accept('rds', new Map([['x', 'r1']]));
    expect(said.offer(...offer.change('2', 'l1', 'r1'))).toEqual(accepted('2'));
  });

  test('is no, with the reason, as soon as it refuses a part, and yes after the repair', () => {
    const [said, offer] = [new Acknowledged(), new Offer()];
    said.offer(...offer.change('1', 'l1', 'r1'));
    said.accept('rds', new Map([['x', 'r1']]));
    expect(said.reject('lds', 'x', 'l1', 'no such address')).toEqual([
      { kind: 'service', key: 'shop/x', version: '1', accepted: false, message: 'no such address' },
    ]);
    expect(said.offer(...offer.change('2', 'l2', 'r1'))).toEqual([]);
    expect(said.accept('lds', new Map([['x', 'l2']]))).toEqual(accepted('2'));
  });

  test('does not come from answers about versions that are not offered any more', () => {
    const [said, offer] = [new Acknowledged(), new Offer()];
    said.offer(...offer.change('2', 'l2', 'r2'));
    said.accept('lds', new Map([['x', 'l1']]));
    expect(said.accept('rds', new Map([['x', 'r2']]))).toEqual([]);
  });
});
