import { factElements, type FixedElement, podElements } from './fixed-sets.ts';
import type { HeldPolicy } from './held-policy.ts';
import type { NftLine } from './libnftables.ts';
import { chainName, setName } from './names.ts';
import { usedChains } from './next-state.ts';
import type { Culprit } from './nft-error.ts';
import { renderChain } from './render-chain.ts';
import { renderTable } from './render-table.ts';

const ELEMENTS_PER_LINE = 500;

/**
 * The whole table, replacing whatever there is in one transaction. The shortcut is shut and all pods are in `recheck`:
 * which connections were opened under what stood before is not known.
 */
export function renderState(held: HeldPolicy): NftLine[] {
  const chains = [...usedChains(held.pods.values()).values()];
  const pods = [...held.pods.values()];
  return [
    { text: 'add table inet weft' },
    { text: 'delete table inet weft' },
    { text: 'add table inet weft' },
    ...renderTable(held.facts.vxlanPort),
    ...[...held.sets].map(([key, { type }]) => ({ text: `add set inet weft ${setName(key)} ${setType(type)}` })),
    ...[...held.sets].flatMap(([key, { members }]) => renderElements(setName(key), [...members], { kind: 'set', key })),
    ...chains.map(({ direction, key }) => ({ text: `add chain inet weft ${chainName(direction, key)}` })),
    ...chains.flatMap(({ direction, key }) => renderChain(direction, key, held.chains.get(key) ?? DENY_ALL)),
    ...renderFixed(factElements(held.facts)),
    ...pods.flatMap((pod) => renderFixed(podElements(pod))),
    ...renderElements('recheck', [...new Set(pods.map(({ address }) => address))]),
  ];
}

/** Of a chain that is not there: `nextState` lets no pod refer to one, and a saved state might. */
const DENY_ALL = { rules: [], otherwise: 'deny' } as const;

export function setType(type: 'ip' | 'cidr'): string {
  return type === 'ip' ? '{ type ipv4_addr; }' : '{ type ipv4_addr; flags interval; }';
}

function renderFixed(elements: readonly FixedElement[]): NftLine[] {
  return elements.map(({ set, text }) => ({ text: `add element inet weft ${set} { ${text} }` }));
}

function renderElements(set: string, members: readonly string[], culprit?: Culprit): NftLine[] {
  const lines: NftLine[] = [];
  for (let at = 0; at < members.length; at += ELEMENTS_PER_LINE) {
    const text = `add element inet weft ${set} { ${members.slice(at, at + ELEMENTS_PER_LINE).join(', ')} }`;
    lines.push(culprit === undefined ? { text } : { text, culprit });
  }
  return lines;
}
