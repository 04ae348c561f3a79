import { familyOf, formatIp, parseCidr } from '../../../lib/ip.ts';
import { ROUTE_PROTOCOL } from '../../../model/node/names.ts';
import { type Attribute, ipBytes, parseAttributes, readIp, u32 } from './codec.ts';
import {
  AF_INET,
  AF_INET6,
  NLM_F_CREATE,
  NLM_F_REPLACE,
  RT_SCOPE_LINK,
  RT_SCOPE_UNIVERSE,
  RT_TABLE_MAIN,
  RTA_DST,
  RTA_GATEWAY,
  RTA_OIF,
  RTA_PRIORITY,
  RTA_TABLE,
  RTM_DELROUTE,
  RTM_GETROUTE,
  RTM_NEWROUTE,
  RTN_BLACKHOLE,
  RTN_UNICAST,
  RTNH_F_ONLINK,
} from './constants.ts';
import { hasCode } from './error.ts';
import type { NetlinkRequest, NetlinkSocket } from './socket.ts';

/** Who made a route (`rtm_protocol`). Not taken in include/uapi/linux/rtnetlink.h. */
const ANYBODY = 0;
/** RTPROT_BIRD. */
const BIRD = 12;

/** `ours`: what Weft made itself, else all; `bird`: what its BGP has put there. */
type RouteMaker = { readonly ours: boolean } | { readonly bird: true };

/** A route of the main table. */
export interface Route {
  /** CIDR; `0.0.0.0/0` and `::/0` are the default routes. */
  readonly destination: string;
  readonly type: 'unicast' | 'blackhole' | 'other';
  /** Index of the interface; absent for a blackhole. */
  readonly interfaceIndex?: number;
  readonly gateway?: string;
  /** The gateway is taken to be on the interface's link, whatever the routes say. */
  readonly onlink?: boolean;
  /** The lowest wins; absent: the kernel's own, 0 for IPv4 and 1024 for IPv6. */
  readonly metric?: number;
}

/** IP6_RT_PRIO_USER: what the kernel writes where nobody says a metric. */
const IPV6_METRIC = 1024;

const TYPES: Readonly<Record<Route['type'], number>> = { unicast: RTN_UNICAST, blackhole: RTN_BLACKHOLE, other: 0 };

/** Adds the route, or puts it in the place of the one with the same destination and metric. */
export function encodeRoute(route: Route): NetlinkRequest {
  const what = `write route ${routeText(route)}`;
  const flags = NLM_F_CREATE | NLM_F_REPLACE;
  return { what, type: RTM_NEWROUTE, flags, header: routeHeader(route), attributes: routeAttributes(route) };
}

/** Removes exactly this route: one with another gateway, interface or type stays. ESRCH when there is none. */
export function encodeRouteRemoval(route: Route): NetlinkRequest {
  const what = `remove route ${routeText(route)}`;
  return { what, type: RTM_DELROUTE, header: routeHeader(route), attributes: routeAttributes(route) };
}

/** The same for a route that BGP has put there. */
export function encodeBirdRouteRemoval(route: Route): NetlinkRequest {
  return { ...encodeRouteRemoval(route), header: routeHeader(route, BIRD) };
}

/** Parses the body of RTM_NEWROUTE. Undefined for a route of another table. */
export function parseRoute(body: Buffer): Route | undefined {
  const attributes = parseAttributes(body, 12);
  if ((attributes.get(RTA_TABLE)?.readUInt32LE() ?? body.readUInt8(4)) !== RT_TABLE_MAIN) return undefined;
  const isIpv6 = body.readUInt8(0) === AF_INET6;
  const address = readIp(attributes.get(RTA_DST)) ?? (isIpv6 ? '::' : '0.0.0.0');
  const type = body.readUInt8(7);
  const interfaceIndex = attributes.get(RTA_OIF)?.readUInt32LE();
  const gateway = readIp(attributes.get(RTA_GATEWAY));
  const metric = attributes.get(RTA_PRIORITY)?.readUInt32LE() ?? 0;
  return {
    destination: `${address}/${body.readUInt8(1)}`,
    type: type === RTN_UNICAST ? 'unicast' : type === RTN_BLACKHOLE ? 'blackhole' : 'other',
    // IPv6 has its blackholes on the loopback device.
    ...(interfaceIndex !== undefined && type !== RTN_BLACKHOLE && { interfaceIndex }),
    ...(gateway !== undefined && { gateway }),
    ...((body.readUInt32LE(8) & RTNH_F_ONLINK) !== 0 && { onlink: true }),
    ...(metric !== (isIpv6 ? IPV6_METRIC : 0) && { metric }),
  };
}

/** Of the main tables of both families. */
export function listRoutes(socket: NetlinkSocket, maker: RouteMaker): Route[] {
  const protocol = 'bird' in maker ? BIRD : maker.ours ? ROUTE_PROTOCOL : ANYBODY;
  return [AF_INET, AF_INET6].flatMap((family) => {
    const header = Buffer.alloc(12);
    header.writeUInt8(family, 0);
    header.writeUInt8(RT_TABLE_MAIN, 4);
    header.writeUInt8(protocol, 5);
    try {
      const messages = socket.dump({ what: 'list routes', type: RTM_GETROUTE, header });
      return messages.flatMap(({ body }) => parseRoute(body) ?? []);
    } catch (error) {
      // The main table of a namespace comes into being with its first route.
      if (hasCode(error, 'ENOENT')) return [];
      throw error;
    }
  });
}

/** One line, as `ip route` would print it; equal text is an equal route. */
export function routeText({ destination, type, interfaceIndex, gateway, onlink, metric }: Route): string {
  return [
    ...(type === 'unicast' ? [] : [type]),
    destination,
    ...(gateway === undefined ? [] : [`via ${gateway}`]),
    ...(interfaceIndex === undefined ? [] : [`dev #${interfaceIndex}`]),
    ...(onlink === true ? ['onlink'] : []),
    ...(metric === undefined ? [] : [`metric ${metric}`]),
  ].join(' ');
}

/** What the kernel holds only once. */
export function routeKey({ destination, metric = 0 }: Route): string {
  return `${destination} ${metric}`;
}

/** struct rtmsg: family, destination's length, source's length, TOS, table, protocol, scope, type, flags. */
function routeHeader(route: Route, protocol = ROUTE_PROTOCOL): Buffer {
  const { destination, type, interfaceIndex, gateway, onlink } = route;
  const header = Buffer.alloc(12);
  header.writeUInt8(familyOf(destination) === 4 ? AF_INET : AF_INET6, 0);
  header.writeUInt8(prefixOf(destination).length, 1);
  header.writeUInt8(RT_TABLE_MAIN, 4);
  header.writeUInt8(protocol, 5);
  header.writeUInt8(interfaceIndex !== undefined && gateway === undefined ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE, 6);
  header.writeUInt8(TYPES[type], 7);
  header.writeUInt32LE(onlink === true ? RTNH_F_ONLINK : 0, 8);
  return header;
}

function routeAttributes({ destination, interfaceIndex, gateway, metric }: Route): Attribute[] {
  const { address, length } = prefixOf(destination);
  return [
    ...(length === 0 ? [] : [[RTA_DST, ipBytes(address)] as const]),
    ...(interfaceIndex === undefined ? [] : [[RTA_OIF, u32(interfaceIndex)] as const]),
    ...(gateway === undefined ? [] : [[RTA_GATEWAY, ipBytes(gateway)] as const]),
    ...(metric === undefined ? [] : [[RTA_PRIORITY, u32(metric)] as const]),
  ];
}

function prefixOf(destination: string): { readonly address: string; readonly length: number } {
  const cidr = parseCidr(destination);
  if (cidr === undefined) throw new RangeError(`'${destination}' is no prefix`);
  return { address: formatIp({ family: cidr.family, value: cidr.base }), length: cidr.length };
}
