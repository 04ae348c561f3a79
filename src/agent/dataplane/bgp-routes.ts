import { BGP_ROUTE_METRIC } from '../../model/node/names.ts';
import { encodeBirdRouteRemoval, listRoutes } from './netlink/route.ts';
import type { Netns } from './netns.ts';
import { applyRequests } from './reconcile-entries.ts';

/** Takes what BGP has put into the main tables out of them: a router that was killed leaves its routes behind. */
export function removeBgpRoutes(host: Netns): void {
  const routes = listRoutes(host.rtnetlink, { bird: true }).filter(({ metric }) => metric === BGP_ROUTE_METRIC);
  applyRequests(host.rtnetlink, routes.map(encodeBirdRouteRemoval), true);
}
