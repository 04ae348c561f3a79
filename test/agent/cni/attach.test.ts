import { beforeEach, describe, expect, test } from '@jest/globals';
import { type AttachDeps, Attacher, type PodAttachment } from '../../../src/agent/cni/attach.ts';
import { PodWaiter } from '../../../src/agent/cni/pods.ts';
import type { CniRequest } from '../../../src/agent/cni/request.ts';
import type { PodIr } from '../../../src/model/node/ir.ts';
import { FakeClock, settle, silentLog } from '../../kube-room/fake-clock.ts';

const POD: PodIr = {
  ...{ uid: 'u1', namespace: 'shop', name: 'cart', serviceAccount: 'default', addresses: [] },
  addressing: { pools: ['main'], families: [4, 6], fixed: [] },
};
const ATTACHMENT: PodAttachment = {
  ...{ podUid: 'u1', containerId: 'c1', ifname: 'eth0', netns: '/run/netns/c1' },
  ...{ hostInterface: 'weftabc', addresses: ['10.42.0.7', 'fd42::7'] },
};
const ADD = {
  command: 'ADD',
  ...{ containerId: 'c1', ifname: 'eth0', netns: '/run/netns/c1' },
  pod: { namespace: 'shop', name: 'cart', uid: 'u1' },
} as CniRequest;

let log: string[];
let known: PromiseWithResolvers<void>;
let written: PromiseWithResolvers<void>;
let unwired: PromiseWithResolvers<void>;
let failure: Error | undefined;
let clock: FakeClock;
let isSending: boolean;

/** Leases and kernel that write down what was asked of them, in order. */
function attacher(): Attacher {
  let held: PodAttachment | undefined;
  const deps: AttachDeps = {
    pods: new PodWaiter({ all: () => [POD] }, clock),
    leases: {
      allocate() {
        log.push('lease');
        held = ATTACHMENT;
        return { attachment: ATTACHMENT, written: written.promise };
      },
      find: () => held,
      all: () => (held === undefined ? [] : [held]),
      release() {
        log.push('release');
        held = undefined;
      },
    },
    dataplane: {
      async guard() {
        log.push('guard');
      },
      make() {
        log.push('make');
        return { [Symbol.dispose]: () => undefined };
      },
      wire() {
        log.push('wire');
        if (failure !== undefined) throw failure;
        return isSending;
      },
      isSending: () => isSending,
      async shut() {
        log.push('shut');
      },
      async unwire() {
        log.push('unwire');
        await unwired.promise;
      },
      orphans: () => [],
      unwired: () => [],
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
  written = Promise.withResolvers();
  unwired = Promise.withResolvers();
  unwired.resolve();
  failure = undefined;
  clock = new FakeClock();
  isSending = true;
});

describe('ADD', () => {
  test('answers when the link carries packets: the kernel may need a moment after both ends are up', async () => {
    isSending = false;
    written.resolve();
    known.resolve();
    let isAnswered = false;
    void attacher()
      .handle(ADD, new AbortController().signal)
      .then(() => {
        isAnswered = true;
      });
    await settle();
    expect(log.at(-1)).toBe('wire');
    await clock.advance(50);
    expect(isAnswered).toBe(false);
    isSending = true;
    await clock.advance(5);
    await settle();
    expect(isAnswered).toBe(true);
  });

  test('wires when the lease is on disk, and answers when the nodes concerned know the address', async () => {
    let answer: object | undefined;
    void attacher()
      .handle(ADD, new AbortController().signal)
      .then((result) => {
        answer = result;
      });
    await settle();
    expect(log).toEqual(['lease', 'guard', 'make']);
    written.resolve();
    await settle();
    expect(log).toEqual(['lease', 'guard', 'make', 'tell', 'announce', 'wire']);
    expect(answer).toBeUndefined();
    known.resolve();
    await settle();
    expect(answer).toMatchObject({ ips: [{ address: '10.42.0.7/32' }, { address: 'fd42::7/128' }] });
  });

  test('that the kernel refuses gives everything back, and tells of that too', async () => {
    failure = new Error('EPERM');
    written.resolve();
    await expect(attacher().handle(ADD, new AbortController().signal)).rejects.toThrow('EPERM');
    const added = ['lease', 'guard', 'make', 'tell', 'announce', 'wire'];
    expect(log).toEqual([...added, 'shut', 'release', 'tell', 'unwire']);
  });

  test('of a runtime that has hung up leaves nothing', async () => {
    written.resolve();
    const hungUp = new AbortController();
    const adding = attacher().handle(ADD, hungUp.signal);
    hungUp.abort();
    await expect(adding).rejects.toThrow();
    expect(log.filter((step) => step === 'lease').length).toBe(log.filter((step) => step === 'release').length);
  });
});

describe('DEL', () => {
  const DEL = { ...ADD, command: 'DEL' } as CniRequest;

  test('answers when nothing passes any more; an ADD of the same attachment waits until the link is gone', async () => {
    const { handle } = attacher();
    const { signal } = new AbortController();
    written.resolve();
    known.resolve();
    await handle(ADD, signal);
    log = [];
    unwired = Promise.withResolvers();
    await handle(DEL, signal);
    const again = handle(ADD, signal);
    await settle();
    expect(log).toEqual(['shut', 'release', 'tell', 'unwire']);
    unwired.resolve();
    await again;
    expect(log.slice(4)).toEqual(['lease', 'guard', 'make', 'tell', 'announce', 'wire']);
  });

  test('of what is not there succeeds', async () => {
    await expect(attacher().handle(DEL, new AbortController().signal)).resolves.toBeUndefined();
    expect(log).toEqual(['shut', 'unwire']);
  });
});

describe('a lease that is taken back on request', () => {
  test('is judged when the ADD of its attachment is over, and not by what was so before', async () => {
    const agent = attacher();
    known.resolve();
    const adding = agent.handle(ADD, new AbortController().signal);
    const judged: string[] = [];
    const reaped = agent.reap(ADD, ({ podUid }) => {
      judged.push(podUid);
      return false;
    });
    await settle();
    expect(judged).toEqual([]);
    written.resolve();
    await adding;
    expect(await reaped).toEqual([]);
    expect(judged).toEqual(['u1']);
    expect(log).not.toContain('release');
  });

  test('goes as by DEL when nothing uses it: closed first, then released, then without a link', async () => {
    const agent = attacher();
    written.resolve();
    known.resolve();
    await agent.handle(ADD, new AbortController().signal);
    log = [];
    expect(await agent.reap(ADD, () => true)).toEqual(ATTACHMENT.addresses);
    expect(log).toEqual(['shut', 'release', 'tell', 'unwire']);
    expect(await agent.reap(ADD, () => true)).toEqual([]);
  });
});
