import { describe, expect, test } from '@jest/globals';
import { ProxyStates } from '../../src/controllers/mesh/proxies.ts';

const word = (version: string, message = '') => [
  { kind: 'service', key: 'shop/x', version, accepted: message === '', message },
];

describe('what proxies have acknowledged', () => {
  const said = () => {
    const states = new ProxyStates();
    states.report({ podUid: 'a', also: ['b'], gone: false, resources: word('1') });
    return states;
  };
  const of = (states: ProxyStates, podUid: string) => states.word(podUid, 'service', 'shop/x');

  test('is kept for each that a report names', () => {
    expect(['a', 'b', 'c'].map((pod) => of(said(), pod))).toEqual([{ acknowledged: '1' }, { acknowledged: '1' }, {}]);
  });

  test('stays beside a rejection, which ends with the next acceptance', () => {
    const states = said();
    states.report({ podUid: 'b', gone: false, resources: word('2', 'no') });
    expect(of(states, 'b')).toEqual({ acknowledged: '1', rejected: { version: '2', message: 'no' } });
    expect(of(states, 'a')).toEqual({ acknowledged: '1' });
    states.report({ podUid: 'b', gone: false, resources: word('3') });
    expect(of(states, 'b')).toEqual({ acknowledged: '3' });
  });

  test('goes with the proxy, and is not inherited by the next', () => {
    const states = said();
    states.report({ podUid: 'a', gone: true, resources: [] });
    states.report({ podUid: 'c', also: ['a'], gone: false, resources: [] });
    expect(['a', 'b', 'c'].map((pod) => of(states, pod))).toEqual([{}, { acknowledged: '1' }, {}]);
  });
});
