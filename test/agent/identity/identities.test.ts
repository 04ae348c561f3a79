import { describe, expect, test } from '@jest/globals';
import { Identities } from '../../../src/agent/identity/identities.ts';
import type { Clock } from '../../../src/lib/clock.ts';
import { ensureAuthority } from '../../../src/pki/authority.ts';
import { generateKey, privateKeyPem } from '../../../src/pki/certificate.ts';
import { createCsr, parseCsr } from '../../../src/pki/csr.ts';

const ID = 'spiffe://cluster.local/ns/shop/sa/web';
const HOUR_MS = 3600_000;

/** Stands still until told otherwise; timers run when the time has come. */
class TurnedClock implements Clock {
  #now = Date.UTC(2030, 0, 1);
  #timers: { at: number; wake: () => void }[] = [];
  now = () => this.#now;
  monotonic = () => this.#now;
  after(ms: number, wake: () => void) {
    const timer = { at: this.#now + ms, wake };
    this.#timers.push(timer);
    return () => void (this.#timers = this.#timers.filter((other) => other !== timer));
  }
  async turn(ms: number) {
    this.#now += ms;
    const due = this.#timers.filter(({ at }) => at <= this.#now);
    this.#timers = this.#timers.filter((timer) => !due.includes(timer));
    for (const { wake } of due) wake();
    await settle();
  }
  get waiting() {
    return this.#timers.length;
  }
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

async function world(signedAs = ID) {
  const clock = new TurnedClock();
  const authority = await ensureAuthority({ read: async () => undefined, create: async () => 'created' }, clock);
  const state = { down: false, asked: [] as string[], changed: 0, warnings: [] as unknown[] };
  const identities = new Identities({
    createKey: () => {
      const key = generateKey();
      return { privateKeyPem: privateKeyPem(key), csrDer: createCsr(key) };
    },
    requestCertificate: async (_, csrDer, podUid) => {
      state.asked.push(podUid);
      if (state.down) return { problem: 'no operator' };
      const key = parseCsr(csrDer);
      if (typeof key === 'string') throw new Error(key);
      return { chainPem: authority.sign(key, [{ uri: signedAs }], 24 * HOUR_MS) };
    },
    changed: () => void (state.changed += 1),
    clock,
    random: () => 0,
    logger: {
      debug: () => undefined,
      info: () => undefined,
      error: () => undefined,
      warn: (_, fields) => state.warnings.push(fields),
    },
  });
  return { clock, identities, state };
}

describe('an identity', () => {
  test('is asked for once for all its pods, and forgotten with the last', async () => {
    const { clock, identities, state } = await world();
    identities.hold(ID, 'a');
    identities.hold(ID, 'b');
    await settle();
    expect(state).toMatchObject({ asked: ['a'], changed: 1 });
    identities.release(ID, 'a');
    expect(identities.certificateOf(ID)).toBeDefined();
    identities.release(ID, 'b');
    expect(identities.certificateOf(ID)).toBeUndefined();
    expect(clock.waiting).toBe(0);
  });

  test('is renewed with a new key at half of its life', async () => {
    const { clock, identities, state } = await world();
    identities.hold(ID, 'a');
    await settle();
    const first = identities.certificateOf(ID);
    await clock.turn(12 * HOUR_MS - 60_000);
    expect(identities.certificateOf(ID)).toBe(first);
    await clock.turn(60_000);
    expect(state.changed).toBe(2);
    expect(identities.certificateOf(ID)?.privateKeyPem.reveal()).not.toBe(first?.privateKeyPem.reveal());
  });

  test('keeps the old certificate while nobody signs, and asks again', async () => {
    const { clock, identities, state } = await world();
    identities.hold(ID, 'a');
    await settle();
    const first = identities.certificateOf(ID);
    state.down = true;
    await clock.turn(12 * HOUR_MS);
    expect(identities.certificateOf(ID)).toBe(first);
    state.down = false;
    await clock.turn(60_000);
    expect(identities.certificateOf(ID)).not.toBe(first);
  });

  test('is not taken from a certificate for somebody else', async () => {
    const { identities, state } = await world('spiffe://cluster.local/ns/shop/sa/other');
    identities.hold(ID, 'a');
    await settle();
    expect(identities.certificateOf(ID)).toBeUndefined();
    expect(state.warnings).toEqual([expect.objectContaining({ reason: expect.stringContaining('sa/other') })]);
  });
});
