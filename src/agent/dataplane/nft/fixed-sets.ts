import { type Family, familyOf, parseCidr } from '../../../lib/ip.ts';
import { coalesceCidrs, formatCidrs } from '../../../model/policy/cidr-sets.ts';
import {
  type SetElement,
  addressElement,
  addressPairElement,
  addressPortElement,
  cidrElements,
  interfaceAddressElement,
  interfaceElement,
  type Verdict,
} from './elements.ts';
import { chainName, checkedAddress, checkedCidr, checkedInterface } from './names.ts';
import type { NodeFacts, PodBinding } from './policy-state.ts';
import { type FixedSet, twinOf } from './render-table.ts';

/** One element of one of the table's fixed sets, in both languages the kernel is told in. */
export interface FixedElement {
  readonly set: FixedSet;
  /** As nft writes it; equal text is equal content. */
  readonly text: string;
  readonly encoded: readonly SetElement[];
}

/** What the sets about the node hold. @throws NftError `BadName` with the field that is wrong. */
export function factElements(facts: NodeFacts): FixedElement[] {
  const nodes = facts.localAddress === '' ? facts.vxlanPeers : [facts.localAddress, ...facts.vxlanPeers];
  const elements = [
    ...addresses('vxlan_peers', 'vxlanPeers', facts.vxlanPeers),
    ...addresses('node_addresses', 'localAddress', nodes),
    ...prefixes('own_blocks', 'ownBlocks', facts.ownBlocks),
    ...prefixes('pod_cidrs', 'podCidrs', facts.podCidrs),
    ...prefixes('nat_cidrs', 'natCidrs', facts.natCidrs),
  ];
  return elements.flatMap((element) => ofFamilies(element, facts.hasIpv6));
}

/** What the sets and verdict maps say of one pod. */
export function podElements(
  { hostInterface, bridge, addresses: own, ingressChain, egressChain, httpPorts = [] }: PodBinding,
  hasIpv6: boolean,
): FixedElement[] {
  const served = own
    .flatMap((address) => httpPorts.map((port) => servedElement(address, port)))
    .flatMap((element) => ofFamilies(element, hasIpv6));
  const verdict = (chain: string | undefined): Verdict =>
    chain === undefined ? { kind: 'return' } : { kind: 'goto', chain };
  const map = (set: 'pods_out' | 'pods_in', chain: string | undefined): FixedElement => ({
    set,
    text: `"${hostInterface}" : ${chain === undefined ? 'return' : `goto ${chain}`}`,
    encoded: [interfaceElement(hostInterface, verdict(chain))],
  });
  if (bridge !== undefined) {
    const [out, into] = [
      verdict(egressChain && chainName('egress', egressChain)),
      verdict(ingressChain && chainName('ingress', ingressChain)),
    ];
    const bridged = own
      .flatMap((address) => bridgedElements(bridge, address, out, into))
      .flatMap((element) => ofFamilies(element, hasIpv6));
    return [...bridged, ...served];
  }
  return [
    { set: 'pod_interfaces', text: `"${hostInterface}"`, encoded: [interfaceElement(hostInterface)] },
    ...own.flatMap((address) =>
      ofFamilies(
        {
          set: 'pod_addresses',
          family: familyOf(address),
          text: `"${hostInterface}" . ${address}`,
          encoded: [interfaceAddressElement(hostInterface, address)],
        },
        hasIpv6,
      ),
    ),
    map('pods_out', egressChain === undefined ? undefined : chainName('egress', egressChain)),
    map('pods_in', ingressChain === undefined ? undefined : chainName('ingress', ingressChain)),
    ...served,
  ];
}

function servedElement(address: string, port: number): FamilyElement {
  const own = checkedAddress(address, { kind: 'pod', key: address });
  const encoded = [addressPortElement(own, port)];
  return { set: 'http_served', family: familyOf(own), text: `${own} . ${port}`, encoded };
}

/** Behind a bridge a pod is told by its address; its ports let it have no other (`bridge-guard.ts`). */
function bridgedElements(bridge: string, address: string, out: Verdict, into: Verdict): FamilyElement[] {
  const [name, own] = [checkedInterface(bridge), checkedAddress(address, { kind: 'pod', key: bridge })];
  const family = familyOf(own);
  const map = (set: 'bridged_out' | 'bridged_in', verdict: Verdict): FamilyElement => ({
    set,
    family,
    text: `${own} : ${verdict.kind === 'goto' ? `goto ${verdict.chain}` : 'return'}`,
    encoded: [{ ...addressElement(own), verdict }],
  });
  return [
    { set: 'pod_addresses', family, text: `"${name}" . ${own}`, encoded: [interfaceAddressElement(name, own)] },
    { set: 'bridged_self', family, text: `${own} . ${own}`, encoded: [addressPairElement(own, own)] },
    map('bridged_out', out),
    map('bridged_in', into),
  ];
}

interface FamilyElement extends FixedElement {
  readonly family: Family;
}

/** An element of IPv6 goes into the twin of its set, where there are twins. */
function ofFamilies({ family, set, ...element }: FamilyElement, hasIpv6: boolean): FixedElement[] {
  if (family === 4) return [{ set, ...element }];
  return hasIpv6 ? [{ set: twinOf(set), ...element }] : [];
}

function addresses(set: FixedElement['set'], field: string, values: readonly string[]): FamilyElement[] {
  return [...new Set(values)].map((value) => {
    const text = checkedAddress(value, { kind: 'facts', key: field });
    return { set, family: familyOf(text), text, encoded: [addressElement(text)] };
  });
}

/** Coalesced: intervals must not overlap. */
function prefixes(set: FixedElement['set'], field: string, values: readonly string[]): FamilyElement[] {
  const cidrs = values.flatMap((value) => parseCidr(checkedCidr(value, { kind: 'facts', key: field })) ?? []);
  return formatCidrs(coalesceCidrs(cidrs)).map((text) => {
    return { set, family: familyOf(text), text, encoded: cidrElements(text) };
  });
}
