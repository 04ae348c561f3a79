import type { BGPPeer } from '../../api/generated/bgppeer.ts';
import { REASON } from '../../api/reasons.ts';
import { familyOf } from '../../lib/ip.ts';
import type { Problem } from '../problem.ts';
import { matchesSelector } from '../labels.ts';
import type { BgpSessionIr } from '../node/ir.ts';
import { addressOfFamily } from './bgp-node.ts';
import { type BgpWorld, sessionsOfPeer, type UsablePeer } from './sessions.ts';

/** What a Secret says; undefined: it, or the key, is not there. */
export type PasswordOf = (secret: { readonly name: string; readonly key: string }) => string | undefined;

/** TCP_MD5SIG_MAXKEYLEN; and what a string of BIRD's configuration can hold. */
const PASSWORD = /^[\x20\x21\x23-\x7e]{1,80}$/;
/** Default of `spec.passwordSecret.key`. */
const KEY = 'password';

/** The BGPPeer with its password, or why no session can be made of it. The message never has the password. */
export function usablePeer(peer: BGPPeer, passwordOf: PasswordOf): UsablePeer | Problem {
  const secret = peer.spec.passwordSecret;
  if (secret === undefined) return { peer };
  const { name, key = KEY } = secret;
  const path = 'spec.passwordSecret';
  // An editor's line end is no part of it.
  const password = passwordOf({ name, key })?.replace(/\r?\n$/, '');
  if (password === undefined) {
    const message = `names the key '${key}' of the Secret '${name}', which is not in the namespace of Weft: create it there`;
    return { path, reason: REASON.secretNotFound, message };
  }
  if (!PASSWORD.test(password)) {
    const message = `: the password must be 1 to 80 characters of ASCII, and no double quote`;
    return { path, reason: REASON.invalidPassword, message };
  }
  return { peer, password };
}

/**
 * What keeps a usable peer from some of the nodes that it selects.
 *
 * @param sessions by node: all that there are.
 */
export function peerProblem(
  usable: UsablePeer,
  world: BgpWorld,
  sessions: ReadonlyMap<string, readonly BgpSessionIr[]>,
): Problem | undefined {
  const { peerAddress, nodeSelector = {} } = usable.peer.spec;
  for (const node of world.nodes) {
    const made = new Map(sessions.get(node.name)?.map(({ address, peer }) => [address, peer]));
    const lost = sessionsOfPeer(node, usable, world).find(({ address, peer }) => made.get(address) !== peer);
    if (lost === undefined) continue;
    const other = made.get(lost.address) ?? 'none';
    const message = `makes ${lost.address} a peer of node ${node.name}, as the BGPPeer '${other}' does already: let one of them go`;
    return { path: 'spec', reason: REASON.conflict, message };
  }
  if (peerAddress === undefined) return undefined;
  const family = familyOf(peerAddress);
  const without = world.nodes.find(
    (node) => matchesSelector(nodeSelector, node.labels) && addressOfFamily(node, family) === undefined,
  );
  if (without === undefined) return undefined;
  const message = `is of IPv${family}, and node ${without.name} has no InternalIP of that: select other nodes`;
  return { path: 'spec.peerAddress', reason: REASON.unsupportedValue, message };
}
