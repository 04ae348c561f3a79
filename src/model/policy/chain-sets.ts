import type { ChainIr } from '../node/ir.ts';

/** Keys of the address sets that the chain's rules name, those on trial too; each once. */
export function setsOfChain({ rules, audit }: ChainIr): string[] {
  const all = [...rules, ...(audit?.rules ?? [])];
  return [...new Set(all.flatMap(({ peers }) => (peers === 'any' ? [] : peers)))];
}
