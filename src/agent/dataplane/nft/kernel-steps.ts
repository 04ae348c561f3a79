import { type Family, familyOf } from '../../../lib/ip.ts';
import { encodeAttributes, text } from '../netlink/codec.ts';
import { NLM_F_CREATE } from '../netlink/constants.ts';
import type { BatchMessage } from './batch.ts';
import { addressElement, cidrElements, elementMessages, TABLE } from './elements.ts';
import { factElements, type FixedElement, podElements } from './fixed-sets.ts';
import type { HeldPolicy, NextState, SetDelta } from './held-policy.ts';
import type { NftLine } from './libnftables.ts';
import { setName } from './names.ts';
import { type ChainUse, usedChains } from './next-state.ts';
import { NFT_MSG_DELCHAIN, NFT_MSG_DELSET, NFT_MSG_NEWSET, u32be } from './nfnetlink.ts';
import type { PodBinding } from './policy-state.ts';
import { chainNames, ownSets, renderChain } from './render-chain.ts';
import { familiesOf } from './render-table.ts';

/** A change as the kernel is told it, in this order; each step is safe when the next never comes. */
export interface KernelSteps {
  /** Transactions, in order: new sets and all new elements, large ones in slices. */
  readonly load: readonly (readonly BatchMessage[])[];
  /** One transaction: chains that are new or whose content is. */
  readonly rules: readonly NftLine[];
  /** One transaction: which interface passes which chains, and the facts of the node. */
  readonly bindings: readonly BatchMessage[];
  /** Transactions, in order: elements that left, and chains and sets that nobody uses any more. */
  readonly unload: readonly (readonly BatchMessage[])[];
  /** Whether anything but elements of address sets and facts changes. */
  readonly isStructural: boolean;
}

const MEMBERS_PER_TRANSACTION = 20_000;
// nf_tables.h.
const NFTA_SET = { table: 1, name: 2, flags: 3, keyType: 4, keyLength: 5, id: 10 };
const NFTA_CHAIN = { table: 1, name: 3 };
const NFT_SET_INTERVAL = 4;
/** libnftables' numbers for `ipv4_addr` and `ipv6_addr` (its datatype.h), and their lengths. */
const KEY = { 4: { type: 7, length: 4 }, 6: { type: 8, length: 16 } } as const;

const NOTHING = { rules: [], otherwise: 'deny' } as const;

/** Pure. */
export function kernelSteps(held: HeldPolicy, next: NextState): KernelSteps {
  const [before, after] = [usedChains(held.pods.values()), usedChains(next.pods.values())];
  const written = [...after].filter(
    ([id, { key }]) => !before.has(id) || held.chains.get(key) !== next.chains.get(key),
  );
  const families = familiesOf(next.facts);
  const namesOf = ({ direction, key }: ChainUse, chains: HeldPolicy['chains']) =>
    chainNames(direction, key, chains.get(key) ?? NOTHING);
  const dropped = [...before].flatMap(([id, use]) => {
    if (after.has(id) && held.chains.get(use.key) === next.chains.get(use.key)) return [];
    const left = new Set(after.has(id) ? namesOf(use, next.chains) : []);
    return namesOf(use, held.chains).filter((name) => !left.has(name));
  });
  const setsOf = ({ direction, key }: ChainUse, chains: HeldPolicy['chains']) =>
    ownSets(direction, key, chains.get(key) ?? NOTHING, families);
  const droppedSets = [...before].flatMap(([id, use]) => {
    if (after.has(id) && held.chains.get(use.key) === next.chains.get(use.key)) return [];
    const left = new Set((after.has(id) ? setsOf(use, next.chains) : []).map(({ name }) => name));
    return setsOf(use, held.chains).flatMap(({ name }) => (left.has(name) ? [] : [name]));
  });
  return {
    load: next.deltas.flatMap((delta) => [
      ...(delta.isNew ? [families.map((family) => newSet(delta, family))] : []),
      ...slices(delta.add).map((members) => memberMessages('add', delta, members, families)),
    ]),
    rules: written.flatMap(([id, use]) => {
      const { direction, key } = use;
      const chain = next.chains.get(key);
      if (chain === undefined) return [];
      const there = new Set(before.has(id) ? namesOf(use, held.chains) : []);
      const lines = namesOf(use, next.chains).map((name): NftLine => {
        const verb = there.has(name) ? 'flush' : 'add';
        return { text: `${verb} chain inet weft ${name}`, culprit: { kind: 'chain', key } };
      });
      const sets = setsOf(use, next.chains).map(({ name, type }): NftLine => {
        return { text: `add set inet weft ${name} ${type}`, culprit: { kind: 'chain', key } };
      });
      return [...lines, ...sets, ...renderChain(direction, key, chain, families)];
    }),
    bindings: [...factMessages(held, next), ...podMessages(next)],
    unload: [
      ...next.deltas.flatMap((delta) =>
        slices(delta.remove).map((members) => memberMessages('delete', delta, members, families)),
      ),
      [
        ...dropped.map(deleteChain),
        ...droppedSets.map((name) => deleteSet(name)),
        ...next.removedSets.flatMap((key) => families.map((family) => deleteSet(setName(key, family), key))),
      ],
    ],
    isStructural:
      next.pods !== held.pods ||
      written.length + dropped.length + next.removedSets.length > 0 ||
      next.deltas.some(({ isNew }) => isNew),
  };
}

function memberMessages(
  action: 'add' | 'delete',
  { key, type }: SetDelta,
  members: readonly string[],
  families: readonly Family[],
): BatchMessage[] {
  return [...Map.groupBy(members, familyOf)].flatMap(([family, own]) => {
    if (!families.includes(family)) return [];
    const elements = own.flatMap((member) => (type === 'ip' ? [addressElement(member)] : cidrElements(member)));
    return elementMessages(action, setName(key, family), elements, { kind: 'set', key });
  });
}

function slices(members: readonly string[]): (readonly string[])[] {
  const parts: (readonly string[])[] = [];
  for (let at = 0; at < members.length; at += MEMBERS_PER_TRANSACTION) {
    parts.push(members.slice(at, at + MEMBERS_PER_TRANSACTION));
  }
  return parts;
}

function factMessages(held: HeldPolicy, next: NextState): BatchMessage[] {
  return held.facts === next.facts ? [] : fixedMessages(factElements(held.facts), factElements(next.facts));
}

function podMessages(next: NextState): BatchMessage[] {
  const { gone, come } = next.podDelta;
  const elements = (pods: readonly PodBinding[]) => pods.flatMap((pod) => podElements(pod, next.facts.hasIpv6));
  return fixedMessages(elements(gone), elements(come));
}

/** The difference; deletions first, because a map has one verdict for each interface. */
function fixedMessages(before: readonly FixedElement[], after: readonly FixedElement[]): BatchMessage[] {
  const id = ({ set, text: of }: FixedElement) => `${set} ${of}`;
  const [old, wanted] = [new Set(before.map(id)), new Set(after.map(id))];
  const messages = (action: 'add' | 'delete', elements: readonly FixedElement[]) =>
    [...Map.groupBy(elements, ({ set }) => set)].flatMap(([set, of]) =>
      elementMessages(
        action,
        set,
        of.flatMap(({ encoded }) => encoded),
      ),
    );
  return [
    ...messages(
      'delete',
      before.filter((element) => !wanted.has(id(element))),
    ),
    ...messages(
      'add',
      after.filter((element) => !old.has(id(element))),
    ),
  ];
}

function newSet({ key, type }: SetDelta, family: Family): BatchMessage {
  const attributes = encodeAttributes([
    [NFTA_SET.table, text(TABLE)],
    [NFTA_SET.name, text(setName(key, family))],
    [NFTA_SET.flags, u32be(type === 'cidr' ? NFT_SET_INTERVAL : 0)],
    [NFTA_SET.keyType, u32be(KEY[family].type)],
    [NFTA_SET.keyLength, u32be(KEY[family].length)],
    [NFTA_SET.id, u32be(family)],
  ]);
  return {
    type: NFT_MSG_NEWSET,
    flags: NLM_F_CREATE,
    attributes,
    what: 'create an address set',
    culprit: { kind: 'set', key },
  };
}

/** @param key  of the address set that it is. */
function deleteSet(name: string, key?: string): BatchMessage {
  const attributes = encodeAttributes([
    [NFTA_SET.table, text(TABLE)],
    [NFTA_SET.name, text(name)],
  ]);
  const culprit = key === undefined ? {} : { culprit: { kind: 'set', key } as const };
  return { type: NFT_MSG_DELSET, flags: 0, attributes, what: `delete set ${name}`, ...culprit };
}

/** With its rules. */
function deleteChain(name: string): BatchMessage {
  const attributes = encodeAttributes([
    [NFTA_CHAIN.table, text(TABLE)],
    [NFTA_CHAIN.name, text(name)],
  ]);
  return { type: NFT_MSG_DELCHAIN, flags: 0, attributes, what: `delete chain ${name}` };
}
