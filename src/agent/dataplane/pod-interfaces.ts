import { POD_INTERFACE_PREFIX } from '../../model/node/names.ts';
import { listAddresses } from './netlink/address.ts';
import { findLink, listLinks } from './netlink/link.ts';
import { listRoutes } from './netlink/route.ts';
import { Netns } from './netns.ts';

/** The host end of an attachment, as the kernel has it. */
export interface PodInterface {
  readonly name: string;
  readonly index: number;
  /** That the node's route leads to; undefined when there is none (an ADD that was killed half-way). */
  readonly address: string | undefined;
}

/** All host ends of this node, whoever remembers them: for garbage collection and for rebuilding a lost journal. */
export function listPodInterfaces(host: Netns): PodInterface[] {
  const addresses = new Map<number, string>();
  for (const { destination, interfaceIndex } of listRoutes(host.rtnetlink, { ours: true })) {
    const [address, length] = destination.split('/');
    if (address !== undefined && length === '32' && interfaceIndex !== undefined)
      addresses.set(interfaceIndex, address);
  }
  return listLinks(host.rtnetlink)
    .filter(({ name, kind }) => name.startsWith(POD_INTERFACE_PREFIX) && kind === 'veth')
    .map(({ name, index }) => ({ name, index, address: addresses.get(index) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The IPv4 address of `ifname` in a live pod's namespace; undefined without such an interface or address. @throws NetnsError */
export function readPodAddress(netnsPath: string, ifname: string): string | undefined {
  using inside = Netns.open(netnsPath);
  const link = findLink(inside.rtnetlink, ifname);
  return listAddresses(inside.rtnetlink).find(({ index }) => index === link?.index)?.address;
}
