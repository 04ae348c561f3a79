import { hostCidr } from '../../lib/ip.ts';
import { listAddresses } from './netlink/address.ts';
import { findLink, type Link } from './netlink/link.ts';
import { listNeighbours, type Neighbour, neighbourText } from './netlink/neighbour.ts';
import { listRoutes, type Route, routeText } from './netlink/route.ts';
import { Netns, NetnsError } from './netns.ts';
import {
  HOST_END_MAC,
  hostNeighbours,
  hostRoutes,
  type PodLink,
  podMac,
  podNeighbours,
  podRoutes,
} from './pod-addressing.ts';
import { findPair } from './pod-link.ts';
import { rateLimitFaults } from './shaping.ts';

/** What of a pod's attachment is not as `wirePod` makes it, as sentences; none when all is well. Writes nothing. */
export function checkPod(host: Netns, pod: PodLink): string[] {
  let inside: Netns;
  try {
    inside = Netns.open(pod.netnsPath);
  } catch (error) {
    if (error instanceof NetnsError) return [error.message];
    throw error;
  }
  try {
    const pair = findPair(host, inside, pod);
    if (pair === undefined) return [`the pod's ${pod.ifname} and the node's ${pod.hostInterface} are not a pair`];
    const { hostEnd, podEnd } = pair;
    const way = pod.bridge === undefined ? hostEnd : findLink(host.rtnetlink, pod.bridge);
    if (way === undefined || (way !== hostEnd && hostEnd.masterIndex !== way.index)) {
      return [`${hostEnd.name} is no port of ${pod.bridge}`];
    }
    return [
      ...linkFaults(podEnd, pod.mtu, podMac(pod)),
      ...linkFaults(hostEnd, pod.mtu, HOST_END_MAC),
      ...addressFaults(inside, podEnd, pod.addresses),
      ...rateLimitFaults(inside.rtnetlink, podEnd, pod.egressBitsPerSecond),
      ...rateLimitFaults(host.rtnetlink, hostEnd, pod.ingressBitsPerSecond),
      ...routeFaults('the pod', inside, podEnd, podRoutes(pod, podEnd.index)),
      ...routeFaults('the node', host, way, hostRoutes(pod, way.index)),
      ...neighbourFaults('the pod', inside, podEnd, podNeighbours(pod, podEnd.index)),
      ...neighbourFaults('the node', host, way, hostNeighbours(pod, way.index)),
    ];
  } finally {
    inside.close();
  }
}

export function linkFaults(link: Link, mtu: number, mac: string): string[] {
  return [
    ...(link.up ? [] : [`${link.name} is down`]),
    ...(link.mtu === mtu ? [] : [`${link.name} has MTU ${link.mtu} instead of ${mtu}`]),
    ...(link.mac === mac ? [] : [`${link.name} has MAC ${link.mac} instead of ${mac}`]),
  ];
}

export function addressFaults(inside: Netns, podEnd: Link, addresses: readonly string[]): string[] {
  const present = listAddresses(inside.rtnetlink)
    .filter(({ index, address }) => index === podEnd.index && !address.startsWith('fe80:'))
    .map((entry) => `${entry.address}/${entry.prefixLength}`);
  const wanted = addresses.map(hostCidr);
  if (present.sort().join() === [...wanted].sort().join()) return [];
  return [`${podEnd.name} has ${present.join(', ') || 'no address'} instead of ${wanted.join(', ')}`];
}

export function routeFaults(whose: string, netns: Netns, link: Link, wanted: readonly Route[]): string[] {
  const present = new Set(listRoutes(netns.rtnetlink, { ours: true }).map(routeText));
  const missing = wanted.map(routeText).filter((route) => !present.has(route));
  return missing.map((route) => `${whose} lacks route ${withName(route, link)}`);
}

export function neighbourFaults(whose: string, netns: Netns, link: Link, wanted: readonly Neighbour[]): string[] {
  const present = new Set(listNeighbours(netns.rtnetlink, 'arp', link.index).map(neighbourText));
  const missing = wanted.map(neighbourText).filter((text) => !present.has(text));
  return missing.map((text) => `${whose} lacks ${withName(text, link)}`);
}

function withName(line: string, { index, name }: Link): string {
  return line.replace(`dev #${index}`, `dev ${name}`);
}
