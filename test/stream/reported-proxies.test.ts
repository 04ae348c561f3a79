import { describe, expect, test } from '@jest/globals';
import type { ProxyResourceIr } from '../../src/stream/operator-ports.ts';
import { ReportedProxies } from '../../src/stream/reported-proxies.ts';

function word(key: string, version: string, message = ''): ProxyResourceIr {
  return { kind: 'service', key, version, accepted: message === '', message };
}

function reported(): ReportedProxies {
  const proxies = new ReportedProxies();
  proxies.take({ podUid: 'a', also: ['b', 'c'], gone: false, resources: [word('x', '1'), word('y', '1')] });
  return proxies;
}

describe('what proxies have reported', () => {
  test('is told once for all who say the same', () => {
    expect(reported().everything()).toEqual([
      { podUid: 'a', also: ['b', 'c'], gone: false, resources: [word('x', '1'), word('y', '1')] },
    ]);
  });

  test('is told apart where one says something else, and its last word counts', () => {
    const proxies = reported();
    proxies.take({ podUid: 'b', gone: false, resources: [word('x', '2', 'no')] });
    proxies.take({ podUid: 'b', gone: false, resources: [word('x', '2')] });
    expect(proxies.everything()).toEqual([
      { podUid: 'a', also: ['c'], gone: false, resources: [word('x', '1'), word('y', '1')] },
      { podUid: 'b', also: [], gone: false, resources: [word('x', '2'), word('y', '1')] },
    ]);
  });

  test('says nothing of who is gone, nor of who comes after it', () => {
    const proxies = reported();
    proxies.take({ podUid: 'a', gone: true, resources: [] });
    proxies.take({ podUid: 'd', gone: false, resources: [word('y', '2')] });
    expect(proxies.everything()).toEqual([
      { podUid: 'b', also: ['c'], gone: false, resources: [word('x', '1'), word('y', '1')] },
      { podUid: 'd', also: [], gone: false, resources: [word('y', '2')] },
    ]);
  });
});
