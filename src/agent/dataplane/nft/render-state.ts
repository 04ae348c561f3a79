import { type Family, familyOf } from '../../../lib/ip.ts';
import { factElements, type FixedElement, podElements } from './fixed-sets.ts';
import type { HeldPolicy } from './held-policy.ts';
import type { NftLine } from './libnftables.ts';
import { setName } from './names.ts';
import { usedChains } from './next-state.ts';
import type { Culprit } from './nft-error.ts';
import { chainNames, ownSets, renderChain } from './render-chain.ts';
import { familiesOf, recheckSet, renderTable } from './render-table.ts';

const ELEMENTS_PER_LINE = 500;

/**
 * The whole table, replacing whatever there is in one transaction. The shortcut is shut and all pods are in `recheck`:
 * which connections were opened under what stood before is not known.
 */
export function renderState(held: HeldPolicy): NftLine[] {
  const chains = [...usedChains(held.pods.values()).values()];
  const pods = [...held.pods.values()];
  const { hasIpv6 } = held.facts;
  const families = familiesOf(held.facts);
  const addresses = [...new Set(pods.flatMap((pod) => pod.addresses))];
  return [
    { text: 'add table inet weft' },
    { text: 'delete table inet weft' },
    { text: 'add table inet weft' },
    ...renderTable(held.facts),
    ...[...held.sets].flatMap(([key, { type }]) =>
      families.map((family) => ({ text: `add set inet weft ${setName(key, family)} ${setType(type, family)}` })),
    ),
    ...[...held.sets].flatMap(([key, { members }]) =>
      families.flatMap((family) => {
        const own = [...members].filter((member) => familyOf(member) === family);
        return renderElements(setName(key, family), own, { kind: 'set', key });
      }),
    ),
    ...chains.flatMap(({ direction, key }) =>
      chainNames(direction, key, held.chains.get(key) ?? DENY_ALL).map((name) => ({
        text: `add chain inet weft ${name}`,
      })),
    ),
    ...chains.flatMap(({ direction, key }) =>
      ownSets(direction, key, held.chains.get(key) ?? DENY_ALL, families).map(({ name, type }) => ({
        text: `add set inet weft ${name} ${type}`,
      })),
    ),
    ...chains.flatMap(({ direction, key }) => renderChain(direction, key, held.chains.get(key) ?? DENY_ALL, families)),
    ...renderFixed(factElements(held.facts)),
    ...pods.flatMap((pod) => renderFixed(podElements(pod, hasIpv6))),
    ...families.flatMap((family) =>
      renderElements(
        recheckSet(family),
        addresses.filter((of) => familyOf(of) === family),
      ),
    ),
  ];
}

/** Of a chain that is not there: `nextState` lets no pod refer to one, and a saved state might. */
const DENY_ALL = { rules: [], otherwise: 'deny' } as const;

function setType(type: 'ip' | 'cidr', family: Family): string {
  return `{ type ipv${family}_addr; ${type === 'ip' ? '' : 'flags interval; '}}`;
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
