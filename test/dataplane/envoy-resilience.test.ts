import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { MeshServiceSpec } from '../../src/api/generated/meshservice.ts';
import { PORT, SendingLab, type World } from './sending-lab.ts';

let lab: SendingLab;
const web = 'cluster.shop/web_80';

beforeAll(async () => {
  lab = await SendingLab.start();
}, 60_000);
afterEach(async () => {
  await lab.server.application.answerWith(PORT.b, { status: 200 });
});
afterAll(() => lab.close(), 30_000);

/** On the cable, and nobody's: the kernel takes three seconds to give up. */
const NOBODY = '10.9.0.99';
const turns = { policy: 'RoundRobin' } as const;
/** Takes its time, so that calls are open at once. */
const slow = { 'x-answer-after-ms': '1000' };

async function statuses(calls: number): Promise<number[]> {
  const answers = await Promise.all(Array.from({ length: calls }, () => lab.call('/', slow)));
  return answers.map(({ status }) => status);
}

describe('callers', () => {
  test('leave out an endpoint that has failed often enough, and ask it again later', async () => {
    await lab.server.application.answerWith(PORT.b, { status: 500 });
    const outlierDetection = { consecutiveErrors: 3, intervalMilliseconds: 100, ejectionMilliseconds: 2_000 };
    await lab.apply({ mesh: { loadBalancing: turns, outlierDetection } });
    await lab.until('it is left out', async () => (await lab.share(12))['500'] === undefined);
    await lab.server.application.answerWith(PORT.b, { status: 200 });
    await lab.until('it is asked', async () => (await lab.share(6))['b'] !== undefined);
  }, 30_000);

  test('leave an endpoint that fails in its place when nobody asked for anything else', async () => {
    await lab.server.application.answerWith(PORT.b, { status: 500 });
    await lab.apply({ mesh: { loadBalancing: turns } });
    expect((await lab.share(60))['500']).toBe(20);
  });

  test('leave out gateway errors by their own count', async () => {
    await lab.server.application.answerWith(PORT.b, { status: 503 });
    const outlierDetection = { consecutiveErrors: 0, consecutiveGatewayErrors: 2, ejectionMilliseconds: 60_000 };
    await lab.apply({ mesh: { loadBalancing: turns, outlierDetection } });
    await lab.until('it is left out', async () => (await lab.share(12))['503'] === undefined);
  }, 30_000);

  test('ask all when fewer are well than the panic threshold says', async () => {
    await lab.server.application.answerWith(PORT.b, { status: 500 });
    const outlierDetection = { consecutiveErrors: 2, ejectionMilliseconds: 60_000 };
    const mesh = { loadBalancing: { ...turns, panicThresholdPercent: 80 }, outlierDetection };
    await lab.apply({ mesh });
    await lab.until('it is left out', async () => {
      await lab.share(3);
      return (await lab.stat(`${web}.outlier_detection.ejections_active`)) === 1;
    });
    expect((await lab.share(30))['500']).toBe(10);
  }, 30_000);

  test('leave out an endpoint that says it is ill, without a call to it', async () => {
    await lab.server.application.answerWith(PORT.b, { status: 500 });
    const healthCheck = { path: '/healthz', intervalMilliseconds: 100, timeoutMilliseconds: 100, healthyThreshold: 1 };
    await lab.apply({ mesh: { loadBalancing: turns, healthCheck } });
    await lab.until('it is known', async () => (await lab.stat(`${web}.membership_healthy`)) === 2);
    expect(await lab.share(20)).toEqual({ a: 10, c: 10 });
    await lab.server.application.answerWith(PORT.b, { status: 200 });
    await lab.until('it is asked', async () => (await lab.share(3))['b'] !== undefined);
  }, 30_000);

  test('have no more calls open than they may', async () => {
    await lab.apply({ mesh: { connections: { maxRequests: 2 } } });
    expect((await statuses(6)).sort()).toEqual([200, 200, 503, 503, 503, 503]);
    await lab.apply({});
    expect(await statuses(6)).toEqual([200, 200, 200, 200, 200, 200]);
  });

  test('wait for a connection as long as not too many wait', async () => {
    await lab.apply({ mesh: { connections: { max: 1, maxPendingRequests: 1 } }, endpoints: { a: 'east' } });
    const first = statuses(1);
    await lab.until('it is with the server', async () => (await lab.stat(`${web}.upstream_cx_active`)) === 1);
    expect((await statuses(3)).sort()).toEqual([200, 503, 503]);
    expect(await first).toEqual([200]);
  });

  test('replace connections after as many calls as they may carry', async () => {
    await lab.apply({
      mesh: { loadBalancing: turns, connections: { maxRequestsPerConnection: 2 } },
      endpoints: { a: 'east' },
    });
    const opened = async () => lab.stat(`${web}.upstream_cx_total`);
    const before = await opened();
    await lab.share(10);
    expect((await opened()) - before).toBeGreaterThanOrEqual(4);
  });

  test('close connections that nobody uses', async () => {
    await lab.apply({ mesh: { connections: { idleMilliseconds: 100 } } });
    await lab.share(3);
    await lab.until('none is open', async () => (await lab.stat(`${web}.upstream_cx_active`)) === 0);
  });

  test('wait for a silent answer as long as they should', async () => {
    await lab.apply({ mesh: { timeouts: { idleMilliseconds: 200 } } });
    expect((await lab.call('/', slow)).status).toBe(504);
    await lab.apply({ mesh: { timeouts: { requestMilliseconds: 200 } } });
    expect((await lab.call('/', slow)).status).toBe(504);
    await lab.apply({ mesh: { retry: { perTryTimeoutMilliseconds: 200 } } });
    expect((await lab.call('/', slow)).status).toBe(504);
    await lab.apply({});
    expect((await lab.call('/', slow)).status).toBe(200);
  });

  test('wait for a connection as long as they should', async () => {
    const mesh = { retry: { attempts: 0 }, timeouts: { connectMilliseconds: 200 } };
    await lab.apply({ mesh, endpoints: { a: 'east' }, address: NOBODY });
    const { status, body } = await lab.call();
    expect(status).toBe(503);
    expect(body).toContain('connection timeout');
  });

  test('try again at another endpoint', async () => {
    await lab.server.application.answerWith(PORT.b, { status: 503 });
    const retry = { attempts: 1, when: ['GatewayError'] } as const;
    await lab.apply({ mesh: { loadBalancing: { policy: 'Random' }, retry } });
    // Without that, every ninth call fails.
    expect((await lab.share(100))['503']).toBeUndefined();
  });

  test('try again no more often than their budget lets them', async () => {
    await lab.server.application.answerWith(PORT.b, { status: 503 });
    const retry = { attempts: 3, when: ['GatewayError'] } as const;
    const overflows = async (mesh: Partial<MeshServiceSpec>) => {
      await lab.apply({ mesh, endpoints: { b: 'east' } });
      const before = await lab.stat(`${web}.upstream_rq_retry_overflow`);
      await statuses(20);
      return (await lab.stat(`${web}.upstream_rq_retry_overflow`)) - before;
    };
    expect(await overflows({ retry })).toBe(0);
    expect(await overflows({ retry: { ...retry, budgetPercent: 1 } })).toBeGreaterThan(0);
  }, 60_000);
});

test('a pod takes no more calls than its service lets it, of whomever they are', async () => {
  await lab.apply({ mesh: { rateLimit: { requestsPerSecond: 1, burst: 5 } }, endpoints: { a: 'east' } });
  await lab.until('calls are refused', async () => {
    const answers = await lab.share(20);
    return (answers['429'] ?? 0) >= 10 && (answers['a'] ?? 0) >= 1;
  });
  await lab.apply({ endpoints: { a: 'east' } });
  await lab.until('all are taken', async () => (await lab.share(20))['a'] === 20);
});

describe('limits of their own', () => {
  const rules = [
    { path: { type: 'Prefix', value: '/dear' }, method: 'POST', requestsPerSecond: 1, burst: 2 },
    { source: { namespace: 'shop', serviceAccount: 'stranger' }, requestsPerSecond: 1, burst: 1 },
    { source: { serviceAccount: 'client' }, path: { type: 'Exact', value: '/mine' }, requestsPerSecond: 1, burst: 3 },
    { path: { type: 'Prefix', value: '/ample' }, requestsPerSecond: 1000 },
  ] as const;
  /** How many of ten calls are answered. */
  const taken = async (path: string, method = 'GET', headers = {}) => {
    const statuses: number[] = [];
    for (let call = 0; call < 10; call += 1) statuses.push((await lab.call(path, headers, method)).status);
    return statuses.filter((status) => status === 200).length;
  };

  test('hold the calls that they are for, by path, method and caller, and no others', async () => {
    const mesh = { rateLimit: { rules } };
    const endpoints = { a: 'east' };
    expect(await lab.apply({ mesh, endpoints })).toEqual([]);
    await lab.until('the first holds', async () => (await taken('/dear/1', 'POST')) <= 3);
    expect(await taken('/dear/1')).toBe(10);
    expect(await taken('/dearest', 'POST')).toBe(10);
    expect(await taken('/mine?x=1')).toBeLessThanOrEqual(4);
    expect(await taken('/')).toBe(10);
  });

  test('go before the limit of all, and by the certificate, whatever the caller says', async () => {
    const mesh = { rateLimit: { requestsPerSecond: 1, burst: 2, rules } };
    expect(await lab.apply({ mesh, endpoints: { a: 'east' } })).toEqual([]);
    await lab.until('the limit of all holds', async () => (await taken('/')) <= 3);
    const stranger = { 'x-forwarded-client-cert': 'URI=spiffe://cluster.local/ns/shop/sa/stranger' };
    // Were he believed, he would have a limit of his own.
    expect(await taken('/', 'GET', stranger)).toBeLessThanOrEqual(1);
    expect(await taken('/ample')).toBe(10);
  });
});

describe('a port of TCP', () => {
  const ports = [{ port: 80, protocol: 'TCP' }] as const;

  test('goes by the source address, and waits for silence as long as it should', async () => {
    const mesh = { ports, loadBalancing: { policy: 'Maglev', hash: { by: 'SourceAddress' } } } as const;
    expect(await lab.apply({ mesh })).toEqual([]);
    expect(Object.values(await lab.share(9))).toEqual([9]);
    await lab.apply({ mesh: { ports, loadBalancing: turns } });
    expect(await lab.share(9)).toEqual({ a: 3, b: 3, c: 3 });
    expect((await lab.call('/', slow)).status).toBe(200);
    await lab.apply({ mesh: { ports, timeouts: { idleMilliseconds: 200 } } });
    expect((await lab.call('/', slow)).status).toBe(0);
  });
});

test('a port of gRPC is asked by its health service: who has none is ill', async () => {
  const healthCheck = { intervalMilliseconds: 100, timeoutMilliseconds: 100, unhealthyThreshold: 1 };
  const loadBalancing = { panicThresholdPercent: 0 };
  await lab.apply({ mesh: { ports: [{ port: 80, protocol: 'GRPC' }], loadBalancing, healthCheck } });
  await lab.until('all are ill', async () => (await lab.stat(`${web}.membership_healthy`)) === 0);
  expect((await lab.call()).body).toContain('no healthy upstream');
});

test('no call is lost while all that is said of calls comes and goes', async () => {
  const split = (rule: object) => ({ split: { rules: [{ backends: [{}], ...rule }] } });
  const worlds: readonly World[] = [
    { mesh: { healthCheck: { intervalMilliseconds: 100 }, outlierDetection: {} } },
    { mesh: { loadBalancing: { policy: 'RingHash', hash: { by: 'Header', name: 'x-user' } } } },
    { mesh: { loadBalancing: { sessionCookie: { name: 'place' }, zones: 'Prefer' } } },
    { mesh: { rateLimit: { requestsPerSecond: 100_000 }, connections: { maxRequestsPerConnection: 3 } } },
    split({ fault: { delay: { milliseconds: 1 } }, requestHeaders: { remove: ['x-a'] } }),
    split({ matches: [{ source: { serviceAccount: 'client' } }], mirrors: [{ service: 'c' }] }),
    split({ backends: [{}, { service: 'none' }], stickiness: { cookie: 'v' } }),
    {},
  ];
  const redistributing = worlds.map(({ mesh, split: rules }) => ({
    ...(mesh && { mesh }),
    ...(rules && { split: { ...rules, onNoEndpoints: 'Redistribute' as const } }),
  }));
  let isDone = false;
  const counts = new Map<number, number>();
  const caller = async () => {
    while (!isDone) {
      const { status } = await lab.call();
      counts.set(status, (counts.get(status) ?? 0) + 1);
    }
  };
  await lab.apply({});
  const callers = Array.from({ length: 6 }, caller);
  for (const world of [...redistributing, ...redistributing, ...redistributing]) await lab.apply(world);
  isDone = true;
  await Promise.all(callers);
  expect([...counts.keys()]).toEqual([200]);
}, 60_000);
