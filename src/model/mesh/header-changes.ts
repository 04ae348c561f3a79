import type { HeaderChangeIr, HeaderIr } from '../node/sending-ir.ts';

interface HeaderChanges {
  readonly set?: readonly HeaderIr[];
  readonly add?: readonly HeaderIr[];
  readonly remove?: readonly string[];
}

/** Names in lower case, as HTTP/2 has them; they mean the same in any case (RFC 9110, 5.1). */
export function translateHeaderChanges({ set, add, remove }: HeaderChanges): HeaderChangeIr {
  const lower = (headers: readonly HeaderIr[]) =>
    headers.map(({ name, value }) => ({ name: name.toLowerCase(), value }));
  return {
    ...(set === undefined ? {} : { set: lower(set) }),
    ...(add === undefined ? {} : { add: lower(add) }),
    ...(remove === undefined ? {} : { remove: remove.map((name) => name.toLowerCase()) }),
  };
}
