import { NO_LEASES, type LeasableBlock, type LeaseState } from '../../../src/model/ipam/lease-state.ts';
import { allocate, release, withBlocks, type LeaseRequest } from '../../../src/model/ipam/lease.ts';

/** Pods' ADDs and DELs, as tests of leases do them. */
export const EMPTY = withBlocks(NO_LEASES, [block('10.0.0.0/29')]);

export function block(
  cidr: string,
  { pool = 'main', reserved = [] as readonly string[], uid = `uid of ${cidr}` } = {},
): LeasableBlock {
  return { uid, cidr, pool, reserved };
}

type Wish = Partial<LeaseRequest>;

/** What pod `uid` asks through container `c-uid`, unless said otherwise: an IPv4 address of any pool. */
export function wish(podUid: string, { containerId = `c-${podUid}`, ...more }: Wish = {}): LeaseRequest {
  const netns = `/run/netns/${containerId}`;
  return { podUid, containerId, ifname: 'eth0', netns, families: [4], nowMs: 0, ...more };
}

/** ADD that gets what it wishes; `lease` is the first. */
export function add(state: LeaseState, podUid: string, more: Wish = {}) {
  const result = allocate(state, wish(podUid, more));
  if ('reason' in result) throw new Error(`no address: ${result.message}`);
  const [lease] = result.leases;
  if (lease === undefined) throw new Error('no family was asked for');
  return { ...result, lease, addresses: result.leases.map(({ address }) => address) };
}

export function del(state: LeaseState, podUid: string, { containerId = `c-${podUid}`, nowMs = 0 } = {}) {
  return release(state, { containerId, ifname: 'eth0', nowMs });
}

/** A state in which pods p1..pN hold addresses. */
export function filled(count: number, state = EMPTY): LeaseState {
  return Array.from({ length: count }, (_, index) => `p${index + 1}`).reduce((now, pod) => add(now, pod).state, state);
}
