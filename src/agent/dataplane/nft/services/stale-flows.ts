import { ANY_NODE_ADDRESS, type ServiceVipIr } from '../../../../model/service/vip.ts';
import { parseAttributes } from '../../netlink/codec.ts';
import type { Flow } from '../conntrack.ts';

/** What of UDP may still flow on its old way after a change. Only UDP: it has no end that one could wait for. */
export interface StaleFlows {
  /** Whose flows are to be looked at. */
  readonly addresses: ReadonlySet<string> | 'all';
  /** @param isOfNode whether an address is one of this node. */
  isStale(flow: Flow, isOfNode: (address: string) => boolean): boolean;
}

const CTA_TUPLE_ORIG = 1;
const CTA_TUPLE_PROTO = 2;
const CTA_PROTO_DST_PORT = 3;
const CTA_TYPE_MASK = 0x3fff;

/**
 * Flows to a frontend of UDP that end elsewhere than at one of its endpoints: at one that is gone, or at the frontend
 * itself, because they began before it was served. Undefined when nothing can have become so.
 */
export function staleFlows(before: readonly ServiceVipIr[], after: readonly ServiceVipIr[]): StaleFlows | undefined {
  const [old, now] = [placesByFrontend(before), placesByFrontend(after)];
  const addresses = new Set<string>();
  let isOfNodePort = false;
  for (const [frontend, places] of old) {
    for (const place of places) if (now.get(frontend)?.has(place) !== true) addresses.add(addressOf(place));
  }
  for (const [frontend, places] of now) {
    if (places.size === 0 || (old.get(frontend)?.size ?? 0) > 0) continue;
    if (addressOf(frontend) === ANY_NODE_ADDRESS) isOfNodePort = true;
    else addresses.add(addressOf(frontend));
  }
  if (addresses.size === 0 && !isOfNodePort) return undefined;
  return {
    addresses: isOfNodePort ? 'all' : addresses,
    isStale(flow, isOfNode) {
      if (flow.protocol !== 'UDP') return false;
      const port = dialledPort(flow);
      const wanted = (frontend: string) => now.get(frontend) ?? (old.has(frontend) ? new Set<string>() : undefined);
      const places =
        wanted(`${flow.dialled} ${port}`) ??
        (isOfNode(flow.dialled) ? wanted(`${ANY_NODE_ADDRESS} ${port}`) : undefined);
      return places !== undefined && !places.has(`${flow.destination} ${flow.port}`);
    },
  };
}

/** `address port` → the places where its flows may end. */
function placesByFrontend(vips: readonly ServiceVipIr[]): ReadonlyMap<string, ReadonlySet<string>> {
  const places = new Map<string, Set<string>>();
  for (const { protocol, frontends, backends, ownCallers = [] } of vips) {
    if (protocol !== 'UDP') continue;
    for (const { address, port } of frontends) {
      const key = `${address} ${port}`;
      const of = places.get(key) ?? new Set<string>();
      for (const backend of [...backends, ...ownCallers]) of.add(`${backend.address} ${backend.port}`);
      places.set(key, of);
    }
  }
  return places;
}

function addressOf(place: string): string {
  return place.slice(0, place.indexOf(' '));
}

function dialledPort({ identity }: Flow): number {
  const tuple = identity.find(([type]) => (type & CTA_TYPE_MASK) === CTA_TUPLE_ORIG)?.[1];
  if (!Buffer.isBuffer(tuple)) return 0;
  const proto = parseAttributes(parseAttributes(tuple).get(CTA_TUPLE_PROTO) ?? Buffer.alloc(0));
  return proto.get(CTA_PROTO_DST_PORT)?.readUInt16BE() ?? 0;
}
