import { encodeAttributes, text } from '../netlink/codec.ts';
import { NLM_F_CREATE } from '../netlink/constants.ts';
import type { BatchMessage } from './batch.ts';
import { addressElement, elementMessages, TABLE } from './elements.ts';
import { familyOf } from '../../../lib/ip.ts';
import { recheckSet } from './render-table.ts';
import { NFT_MSG_DELRULE, NFT_MSG_NEWRULE, u32be } from './nfnetlink.ts';

/**
 * Of the chain `shortcut`: with its one rule, `accept`, established connections pass without a look at policy; empty,
 * those of addresses in `recheck` are looked at (see `renderTable`). By nfnetlink: libnftables 1.0.6 would read the
 * names of all chains and sets first, milliseconds on a full node, for the change that comes most often.
 */
export function shutShortcut(recheck: Iterable<string>): BatchMessage[] {
  const attributes = encodeAttributes(SHORTCUT_CHAIN);
  return [
    ...recheckMessages('add', recheck),
    { type: NFT_MSG_DELRULE, flags: 0, attributes, what: 'shut the shortcut of established connections' },
  ];
}

export function openShortcut(recheck: Iterable<string>): BatchMessage[] {
  const attributes = encodeAttributes([...SHORTCUT_CHAIN, [NFTA_RULE_EXPRESSIONS, [[NFTA_LIST_ELEM, ACCEPT]]]]);
  return [
    { type: NFT_MSG_NEWRULE, flags: NLM_F_CREATE, attributes, what: 'open the shortcut of established connections' },
    ...recheckMessages('delete', recheck),
  ];
}

/** @param addresses of families that the table has. */
function recheckMessages(action: 'add' | 'delete', addresses: Iterable<string>): BatchMessage[] {
  return [...Map.groupBy(addresses, familyOf)].flatMap(([family, of]) =>
    elementMessages(action, recheckSet(family), of.map(addressElement)),
  );
}

// nf_tables.h.
const NFTA_RULE_TABLE = 1;
const NFTA_RULE_CHAIN = 2;
const NFTA_RULE_EXPRESSIONS = 4;
const NFTA_LIST_ELEM = 1;
const NFTA_EXPR_NAME = 1;
const NFTA_EXPR_DATA = 2;
const NFTA_IMMEDIATE_DREG = 1;
const NFTA_IMMEDIATE_DATA = 2;
const NFTA_DATA_VERDICT = 2;
const NFTA_VERDICT_CODE = 1;
const NFT_REG_VERDICT = 0;
const NF_ACCEPT = 1;

const SHORTCUT_CHAIN = [
  [NFTA_RULE_TABLE, text(TABLE)],
  [NFTA_RULE_CHAIN, text('shortcut')],
] as const;

const ACCEPT = [
  [NFTA_EXPR_NAME, text('immediate')],
  [
    NFTA_EXPR_DATA,
    [
      [NFTA_IMMEDIATE_DREG, u32be(NFT_REG_VERDICT)],
      [NFTA_IMMEDIATE_DATA, [[NFTA_DATA_VERDICT, [[NFTA_VERDICT_CODE, u32be(NF_ACCEPT)]]]]],
    ],
  ],
] as const;
