import { type Lease, microTime } from './objects.ts';

/** Who asks, and for how long. */
export interface Candidate {
  /** Differs for each start of a process: pod name and something random. */
  readonly identity: string;
  readonly leaseMs: number;
}

/**
 * What was seen of a Lease and when, by the local monotonic clock: its own timestamps come from other machines'
 * clocks, so they are only compared with each other for change.
 */
export interface Observation {
  readonly fingerprint: string;
  readonly sinceMs: number;
}

/** Starts the local count anew whenever the record has changed. */
export function observe(lease: Lease, before: Observation | undefined, nowMs: number): Observation {
  const { holderIdentity = '', renewTime = '', leaseTransitions = 0 } = lease.spec ?? {};
  const fingerprint = `${holderIdentity}\n${renewTime}\n${leaseTransitions}`;
  return before?.fingerprint === fingerprint ? before : { fingerprint, sinceMs: nowMs };
}

/** Whether `identity` may take the lease: it is nobody's, its own, or its holder was silent for the whole duration. */
export function mayTake(lease: Lease, identity: string, seen: Observation, nowMs: number): boolean {
  const { holderIdentity = '', leaseDurationSeconds = 0 } = lease.spec ?? {};
  if (holderIdentity === '' || holderIdentity === identity) return true;
  return nowMs - seen.sinceMs >= leaseDurationSeconds * 1000;
}

/** The record that makes `candidate` the holder from `epochMs` on; metadata, and with it resourceVersion, is kept. */
export function heldBy(lease: Lease, { identity, leaseMs }: Candidate, epochMs: number): Lease {
  const { holderIdentity = '', acquireTime, leaseTransitions = 0 } = lease.spec ?? {};
  const isRenewal = holderIdentity === identity;
  const now = microTime(epochMs);
  return {
    ...lease,
    spec: {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(leaseMs / 1000),
      acquireTime: isRenewal && acquireTime !== undefined ? acquireTime : now,
      renewTime: now,
      leaseTransitions: isRenewal ? leaseTransitions : leaseTransitions + 1,
    },
  };
}

/** The record of a lease that its holder gave up: the next candidate need not wait. */
export function released(lease: Lease, epochMs: number): Lease {
  const now = microTime(epochMs);
  const { leaseTransitions = 0 } = lease.spec ?? {};
  return {
    ...lease,
    spec: { holderIdentity: '', leaseDurationSeconds: 1, acquireTime: now, renewTime: now, leaseTransitions },
  };
}
