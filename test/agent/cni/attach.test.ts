import { beforeEach, describe, expect, test } from '@jest/globals';
import { type AttachDeps, Attacher, type PodAttachment } from '../../../src/agent/cni/attach.ts';
import { PodWaiter } from '../../../src/agent/cni/pods.ts';
import type { CniRequest } from '../../../src/agent/cni/request.ts';
import type { PodIr } from '../../../src/model/node/ir.ts';
import { FakeClock, settle, silentLog } from '../../kube-room/fake-clock.ts';

const POD: PodIr = { uid: 'u1', namespace: 'shop', name: 'cart' } as PodIr;
const ATTACHMENT: PodAttachment = {
  ...{ podUid: 'u1', containerId: 'c1', ifname: 'eth0', netns: '/run/netns/c1' },
  ...{ hostInterface: 'weftabc', address: '10.42.0.7' },
};
const ADD = {
  command: 'ADD',
  ...{ containerId: 'c1', ifname: 'eth0', netns: '/run/netns/c1' },
  pod: { namespace: 'shop', name: 'cart', uid: 'u1' },
} as CniRequest;

let log: string[];
let known: PromiseWithResolvers<void>;
let failure: Error | undefined;

/** Leases and kernel that write down what was asked of them, in order. */
function attacher(): Attacher {
  const clock = new FakeClock();
  let held: PodAttachment | undefined;
  const deps: AttachDeps = {
    pods: new PodWaiter({ all: () => [POD] }, clock),
    leases: {
      allocate() {
        log.push('lease');
        held = ATTACHMENT;
        return ATTACHMENT;
      },
      find: () => held,
      all: () => (held === undefined ? [] : [held]),
      release() {
        log.push('release');
        held = undefined;
      },
    },
    dataplane: {
      async connect() {
        log.push('connect');
        if (failure !== undefined) throw failure;
      },
      async disconnect() {
        log.push('disconnect');
      },
      unwired: () => [],
      rewire: () => undefined,
      check: () => [],
    },
    broken: () => undefined,
    leasesChanged: () => log.push('tell'),
    announced() {
      log.push('announce');
      return known.promise;
    },
    requestBlock: () => undefined,
    clock,
    logger: silentLog,
  };
  return new Attacher(deps);
}

beforeEach(() => {
  log = [];
  known = Promise.withResolvers();
  failure = undefined;
});

describe('ADD', () => {
  test('tells of the lease before it wires, and answers when the nodes concerned know the address', async () => {
    let answer: object | undefined;
    void attacher()
      .handle(ADD, new AbortController().signal)
      .then((result) => {
        answer = result;
      });
    await settle();
    expect(log).toEqual(['lease', 'tell', 'announce', 'connect']);
    expect(answer).toBeUndefined();
    known.resolve();
    await settle();
    expect(answer).toMatchObject({ ips: [{ address: '10.42.0.7/32' }] });
  });

  test('that the kernel refuses gives everything back, and tells of that too', async () => {
    failure = new Error('EPERM');
    await expect(attacher().handle(ADD, new AbortController().signal)).rejects.toThrow('EPERM');
    expect(log).toEqual(['lease', 'tell', 'announce', 'connect', 'disconnect', 'release', 'tell']);
  });

  test('of a runtime that has hung up leaves nothing', async () => {
    const hungUp = new AbortController();
    const adding = attacher().handle(ADD, hungUp.signal);
    hungUp.abort();
    await expect(adding).rejects.toThrow();
    expect(log.filter((step) => step === 'lease').length).toBe(log.filter((step) => step === 'release').length);
  });
});
