import { BRIDGE_PREFIX, MACVLAN_PREFIX, POD_INTERFACE_PREFIX, VXLAN_INTERFACE } from '../../model/node/names.ts';
import { type Link, listLinks } from './netlink/link.ts';
import { listNeighbours, neighbourText } from './netlink/neighbour.ts';
import { encodeRouteRemoval, listRoutes, routeText } from './netlink/route.ts';
import type { Netns } from './netns.ts';
import { unwirePod } from './pod-link.ts';
import { applyRequests } from './reconcile-entries.ts';

/** What Weft has made in a namespace, by name or as a line of text. */
export interface Leftovers {
  readonly links: readonly string[];
  readonly routes: readonly string[];
  readonly neighbours: readonly string[];
}

/** Everything of Weft's in the node's namespace but nftables, whoever remembers it. Empty after `removeAll`. */
export function listAll(host: Netns): Leftovers {
  const links = ownLinks(host);
  return {
    links: links.map(({ name }) => name),
    routes: listRoutes(host.rtnetlink, { ours: true }).map(routeText),
    neighbours: links.flatMap(({ index }) =>
      (['arp', 'forwarding'] as const).flatMap((table) =>
        listNeighbours(host.rtnetlink, table, index).map(neighbourText),
      ),
    ),
  };
}

/**
 * Takes all of it away: the links (and with them pods' interfaces, addresses, routes, neighbours), then the routes
 * that are on no link. 15 to 30 ms for each link, on a pool thread. `ip_forward` stays on: others may rely on it.
 */
export async function removeAll(host: Netns): Promise<void> {
  for (const { name } of ownLinks(host)) await unwirePod(host, { hostInterface: name });
  const routes = listRoutes(host.rtnetlink, { ours: true });
  applyRequests(host.rtnetlink, routes.map(encodeRouteRemoval), true);
}

function ownLinks(host: Netns) {
  return listLinks(host.rtnetlink).filter(isOwnLink);
}

/** Whether Weft has made the link, by its name and kind. */
export function isOwnLink({ name, kind }: Pick<Link, 'name' | 'kind'>): boolean {
  return (
    (name.startsWith(POD_INTERFACE_PREFIX) && kind === 'veth') ||
    (name === VXLAN_INTERFACE && kind === 'vxlan') ||
    (name.startsWith(BRIDGE_PREFIX) && kind === 'bridge') ||
    (name.startsWith(MACVLAN_PREFIX) && kind === 'macvlan')
  );
}
