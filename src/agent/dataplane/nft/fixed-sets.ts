import { parseCidr4 } from '../../../lib/ipv4.ts';
import { coalesceCidrs, formatCidrs } from '../../../model/policy/cidr-sets.ts';
import {
  type SetElement,
  addressElement,
  cidrElements,
  interfaceAddressElement,
  interfaceElement,
  type Verdict,
} from './elements.ts';
import { chainName, checkedAddress, checkedCidr } from './names.ts';
import type { NodeFacts, PodBinding } from './policy-state.ts';
import type { FIXED_SETS } from './render-table.ts';

/** One element of one of the table's fixed sets, in both languages the kernel is told in. */
export interface FixedElement {
  readonly set: keyof typeof FIXED_SETS;
  /** As nft writes it; equal text is equal content. */
  readonly text: string;
  readonly encoded: readonly SetElement[];
}

/** What the sets about the node hold. @throws NftError `BadName` with the field that is wrong. */
export function factElements(facts: NodeFacts): FixedElement[] {
  const nodes = facts.localAddress === '' ? facts.vxlanPeers : [facts.localAddress, ...facts.vxlanPeers];
  return [
    ...addresses('vxlan_peers', 'vxlanPeers', facts.vxlanPeers),
    ...addresses('node_addresses', 'localAddress', nodes),
    ...prefixes('own_blocks', 'ownBlocks', facts.ownBlocks),
    ...prefixes('pod_cidrs', 'podCidrs', facts.podCidrs),
    ...prefixes('nat_cidrs', 'natCidrs', facts.natCidrs),
  ];
}

/** What the sets and verdict maps say of one pod. */
export function podElements({ hostInterface, address, ingressChain, egressChain }: PodBinding): FixedElement[] {
  const verdict = (chain: string | undefined): Verdict =>
    chain === undefined ? { kind: 'return' } : { kind: 'goto', chain };
  const map = (set: 'pods_out' | 'pods_in', chain: string | undefined): FixedElement => ({
    set,
    text: `"${hostInterface}" : ${chain === undefined ? 'return' : `goto ${chain}`}`,
    encoded: [interfaceElement(hostInterface, verdict(chain))],
  });
  return [
    { set: 'pod_interfaces', text: `"${hostInterface}"`, encoded: [interfaceElement(hostInterface)] },
    {
      set: 'pod_addresses',
      text: `"${hostInterface}" . ${address}`,
      encoded: [interfaceAddressElement(hostInterface, address)],
    },
    map('pods_out', egressChain === undefined ? undefined : chainName('egress', egressChain)),
    map('pods_in', ingressChain === undefined ? undefined : chainName('ingress', ingressChain)),
  ];
}

function addresses(set: FixedElement['set'], field: string, values: readonly string[]): FixedElement[] {
  return [...new Set(values)].map((value) => {
    const text = checkedAddress(value, { kind: 'facts', key: field });
    return { set, text, encoded: [addressElement(text)] };
  });
}

/** Coalesced: intervals must not overlap. */
function prefixes(set: FixedElement['set'], field: string, values: readonly string[]): FixedElement[] {
  const cidrs = values.flatMap((value) => parseCidr4(checkedCidr(value, { kind: 'facts', key: field })) ?? []);
  return formatCidrs(coalesceCidrs(cidrs)).map((text) => ({ set, text, encoded: cidrElements(text) }));
}
