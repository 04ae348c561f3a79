import { describe, expect, test } from '@jest/globals';
import { readAll, readDelta } from '../../src/discovery/eureka/applications.ts';

const instance = (instanceId: string, more: object = {}) => ({
  ...{ instanceId, ipAddr: '192.0.2.1', status: 'UP', port: { $: 8080, '@enabled': 'true' } },
  ...more,
});
const answer = (hash: string, application: unknown) => ({ applications: { apps__hashcode: hash, application } });
const placeOf = (more: object) =>
  readAll(answer('UP_1_', [{ name: 'A', instance: [instance('one', more)] }]))
    .get('A')
    ?.get('one')?.found;

describe('what Eureka has', () => {
  const before = readAll(
    answer('STARTING_1_UP_1_', [{ name: 'a', instance: [instance('one'), instance('two', { status: 'STARTING' })] }]),
  );

  test('is read by applications in capitals, also where what is one is no list', () => {
    expect(readAll(answer('UP_1_', { name: 'a', instance: instance('one') })).get('A')?.size).toBe(1);
    expect(readAll({ applications: {} }).size).toBe(0);
    for (const other of [{}, null, 'text', { applications: 'no' }]) {
      expect(() => readAll(other)).toThrow('the answer is not that of a Eureka server');
    }
  });

  test('is changed by deltas, again and again by the same one', () => {
    const delta = answer('DOWN_1_UP_1_', [
      {
        name: 'A',
        instance: [
          instance('one', { actionType: 'DELETED' }),
          instance('two', { status: 'DOWN', actionType: 'MODIFIED' }),
        ],
      },
      { name: 'B', instance: [instance('new', { actionType: 'ADDED' })] },
    ]);
    const once = readDelta(before, delta);
    expect([...(once?.get('A')?.keys() ?? [])]).toEqual(['two']);
    expect(once?.get('B')?.get('new')?.status).toBe('UP');
    expect(readDelta(once ?? before, delta)).toEqual(once);
    expect(before.get('A')?.size).toBe(2);
  });

  test('has lost something when the hash code is another one', () => {
    expect(readDelta(before, answer('STARTING_1_UP_1_', []))).toEqual(before);
    expect(readDelta(before, answer('STARTING_1_UP_2_', []))).toBeUndefined();
  });

  test('has no application left of which all instances are deleted', () => {
    const instances = ['one', 'two'].map((id) => instance(id, { actionType: 'DELETED' }));
    expect(readDelta(before, answer('', [{ name: 'A', instance: instances }]))?.has('A')).toBe(false);
  });
});

describe('an instance', () => {
  test.each([
    ['its own port', {}, { port: 8080 }],
    [
      'the secure one where that is all it has',
      { port: { $: 80, '@enabled': 'false' }, securePort: { $: 8443, '@enabled': true } },
      { port: 8443 },
    ],
    ['the zone of its metadata', { metadata: { zone: 'a' } }, { zone: 'a', labels: { zone: 'a' } }],
    [
      'or else that of Amazon',
      { dataCenterInfo: { metadata: { 'availability-zone': 'us-east-1a' } } },
      { zone: 'us-east-1a', labels: {} },
    ],
    ['its weight', { metadata: { weight: '3' } }, { weight: 3 }],
  ])('has %s', (_, more, expected) => {
    expect(placeOf(more)).toMatchObject({ address: '192.0.2.1', ...expected });
  });

  test('has neither a weight that is none, nor a port that nobody listens at', () => {
    for (const weight of ['0', 'x', '1.5', '-1', '100000', ''])
      expect(placeOf({ metadata: { weight } })).not.toHaveProperty('weight');
    expect(placeOf({ port: { $: 0, '@enabled': 'true' } })).not.toHaveProperty('port');
  });

  test('is not called at an address that is of no machine', () => {
    for (const ipAddr of ['127.0.1.1', '169.254.1.1', '0.0.0.0', '::1', 'fe80::1', 'host.example.com', undefined]) {
      expect(placeOf({ ipAddr })).toBeUndefined();
    }
  });
});
