import { type Family, parseCidr, parseIp } from '../../../lib/ip.ts';
import { type Culprit, NftError } from './nft-error.ts';

/** Names inside of `inet weft`. What comes from the operator is checked here, once, before it becomes text. */
export function setName(key: string, family: Family): string {
  return `${family === 4 ? 's' : 's6'}_${checkedKey({ kind: 'set', key })}`;
}

export type Direction = 'ingress' | 'egress';

export function chainName(direction: Direction, key: string): string {
  return `${direction === 'ingress' ? 'i' : 'e'}_${checkedKey({ kind: 'chain', key })}`;
}

/** Behind a chain's name: of the chain that holds what is allowed to limits. */
export const LIMITS = '.limits';

/** @throws NftError `BadName`: what is no interface of a pod could also be the node's own. */
export function checkedInterface(name: string): string {
  if (/^weft[0-9A-Za-z_-]{1,11}$/.test(name)) return name;
  throw new NftError('BadName', 'the host interface of a pod must be called weft… and have at most 15 characters', {
    kind: 'pod',
    key: name,
  });
}

export function checkedAddress(address: string, culprit: Culprit): string {
  if (parseIp(address) !== undefined) return address;
  throw new NftError('BadName', `'${address}' is no IP address`, culprit);
}

export function checkedCidr(cidr: string, culprit: Culprit): string {
  if (parseCidr(cidr) !== undefined) return cidr;
  throw new NftError('BadName', `'${cidr}' is no prefix with its host bits zero`, culprit);
}

/** The kernel takes 255 characters of a name; a hash needs no more than 64. */
function checkedKey(culprit: Culprit): string {
  if (/^[0-9A-Za-z_-]{1,64}$/.test(culprit.key)) return culprit.key;
  throw new NftError('BadName', 'a key must be 1 to 64 letters, digits, - or _', culprit);
}
