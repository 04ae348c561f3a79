import { describe, expect, test } from '@jest/globals';
import { Acknowledged } from '../../../src/agent/envoy/acknowledged.ts';
import type { ProxySnapshot } from '../../../src/agent/envoy/snapshot.ts';

/** One service of IR version `version` that became a listener and a route of these versions. */
function offered(version: string, listener: string, route: string): ProxySnapshot {
  const part = (typeUrl: string, of: string) => ({ typeUrl, name: 'x', version: of, value: new Uint8Array() });
  const origin = { kind: 'service' as const, key: 'shop/x', version };
  return { resources: new Map(), sources: [{ origin, encoded: [part('lds', listener), part('rds', route)] }] };
}

const accepted = (version: string) => [{ kind: 'service', key: 'shop/x', version, accepted: true, message: '' }];

describe('what a proxy says of an IR resource', () => {
  test('is yes once it has accepted all that the resource became, and is said once', () => {
    const said = new Acknowledged();
    expect(said.offer(offered('1', 'l1', 'r1'))).toEqual([]);
    expect(said.accept('lds', new Map([['x', 'l1']]))).toEqual([]);
    expect(said.accept('rds', new Map([['x', 'r1']]))).toEqual(accepted('1'));
    expect(said.accept('rds', new Map([['x', 'r1']]))).toEqual([]);
  });

  test('is yes at once to a new version that changes nothing for the proxy', () => {
    const said = new Acknowledged();
    said.offer(offered('1', 'l1', 'r1'));
    said.accept('lds', new Map([['x', 'l1']]));
    said.accept('rds', new Map([['x', 'r1']]));
    expect(said.offer(offered('2', 'l1', 'r1'))).toEqual(accepted('2'));
  });

  test('is no, with the reason, as soon as it refuses a part, and yes after the repair', () => {
    const said = new Acknowledged();
    said.offer(offered('1', 'l1', 'r1'));
    said.accept('rds', new Map([['x', 'r1']]));
    expect(said.reject('lds', 'x', 'l1', 'no such address')).toEqual([
      { kind: 'service', key: 'shop/x', version: '1', accepted: false, message: 'no such address' },
    ]);
    expect(said.offer(offered('2', 'l2', 'r1'))).toEqual([]);
    expect(said.accept('lds', new Map([['x', 'l2']]))).toEqual(accepted('2'));
  });

  test('does not come from answers about versions that are not offered any more', () => {
    const said = new Acknowledged();
    said.offer(offered('2', 'l2', 'r2'));
    said.accept('lds', new Map([['x', 'l1']]));
    expect(said.accept('rds', new Map([['x', 'r2']]))).toEqual([]);
  });
});
