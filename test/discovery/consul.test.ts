import { describe, expect, test } from '@jest/globals';
import type { MeshServiceConsulSource } from '../../src/api/generated/meshservice.ts';
import { ConsulService, nextIndex } from '../../src/discovery/consul/consul-service.ts';
import { readHealth } from '../../src/discovery/consul/instance.ts';
import type { HttpAnswer, HttpAsk } from '../../src/discovery/http-get.ts';
import { FakeClock, silentLog } from '../kube-room/fake-clock.ts';

const entry = (service: object, checks: readonly string[] = ['passing'], node: object = {}) => ({
  Node: { Address: '192.0.2.1', ...node },
  Service: { Address: '192.0.2.7', Port: 8080, ...service },
  Checks: checks.map((Status) => ({ Status })),
});
const placeOf = (service: object, node: object = {}) => readHealth([entry(service, ['passing'], node)]).instances[0];

describe('an instance in Consul', () => {
  test.each([
    ['passing', true],
    ['passing passing', true],
    ['passing warning', false],
    ['critical', false],
    ['passing maintenance', false],
    ['', true],
  ])('with checks %s is called: %s', (checks, isCalled) => {
    const { instances, known } = readHealth([entry({}, checks.split(' ').filter(Boolean))]);
    expect(known).toBe(1);
    expect(instances).toHaveLength(isCalled ? 1 : 0);
  });

  test('has the address of its node where it has none, and is not called by a name', () => {
    expect(placeOf({ Address: '' })).toMatchObject({ address: '192.0.2.1', port: 8080 });
    for (const Address of ['web.example.com', '127.0.0.1']) expect(placeOf({ Address })).toBeUndefined();
    expect(placeOf({ Port: 0 })).not.toHaveProperty('port');
  });

  test('has weight, zone and labels as Consul has them', () => {
    expect(placeOf({ Weights: { Passing: 5 }, Meta: { a: 'b' } })).toMatchObject({ weight: 5, labels: { a: 'b' } });
    expect(placeOf({ Weights: { Passing: 65_535 } })).toMatchObject({ weight: 1000 });
    expect(placeOf({ Weights: { Passing: 1 }, Meta: null })).toEqual({ address: '192.0.2.7', port: 8080, labels: {} });
    expect(placeOf({ Locality: { Zone: 'a' } }, { Locality: { Zone: 'b' } })?.zone).toBe('a');
    expect(placeOf({}, { Locality: { Zone: 'b' } })?.zone).toBe('b');
    expect(placeOf({ Meta: { zone: 'c' } })?.zone).toBe('c');
  });

  test('is not in an answer of somebody else', () => {
    for (const body of [{}, null, 'text']) expect(() => readHealth(body)).toThrow('not that of a Consul agent');
  });
});

test.each([
  [0, '7', 7],
  [7, '7', 7],
  [7, '9', 9],
  [9, '7', 0],
  [7, '0', 0],
  [7, undefined, 0],
  [7, 'x', 0],
])('after index %s and answer %s the next question begins at %s', (before, header, next) => {
  expect(nextIndex(before, header)).toBe(next);
});

describe('a service that is watched', () => {
  const source: MeshServiceConsulSource = { service: 'web', address: 'http://consul:8500/' };

  /** Answers each question when it is told to. */
  function watch() {
    const clock = new FakeClock();
    const open: { readonly ask: HttpAsk; readonly answer: (answer: Partial<HttpAnswer>) => void }[] = [];
    const service = new ConsulService({
      ...{ source, clock, random: () => 0, log: silentLog, changed: () => undefined, token: async () => undefined },
      get: (ask) => {
        const { promise, resolve } = Promise.withResolvers<HttpAnswer>();
        open.push({ ask, answer: (answer) => resolve({ status: 200, headers: {}, body: [], ...answer }) });
        return promise;
      },
    });
    const indexes = () => open.map(({ ask }) => new URL(ask.url).searchParams.get('index'));
    return { clock, open, service, indexes };
  }

  test('is asked for from the beginning after an index that went backwards, and after a failure', async () => {
    const { clock, open, service, indexes } = watch();
    await clock.advance(0);
    for (const index of ['5', '8', '3', '4']) {
      open.at(-1)?.answer({ headers: { 'x-consul-index': index }, body: [entry({})] });
      await clock.advance(1_000);
    }
    expect(indexes()).toEqual([null, '5', '8', null, '4']);
    open.at(-1)?.answer({ status: 500 });
    await clock.advance(1_000);
    expect(indexes().at(-1)).toBeNull();
    expect(service.state()).toMatchObject({ found: { known: 1 }, problem: expect.stringContaining('500') });
    service.close();
  });

  test('is asked for once a second where every question is answered at once', async () => {
    const { clock, open, service } = watch();
    await clock.advance(0);
    for (let tenth = 0; tenth < 100; tenth += 1) {
      open.at(-1)?.answer({ headers: { 'x-consul-index': String(tenth + 1) } });
      await clock.advance(100);
    }
    expect(open.length).toBeGreaterThanOrEqual(10);
    expect(open.length).toBeLessThanOrEqual(11);
    service.close();
  });
});
