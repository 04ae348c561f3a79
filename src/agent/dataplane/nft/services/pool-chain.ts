import { shortHash } from '../../../../lib/hash.ts';
import type { VipBackendIr } from '../../../../model/service/vip.ts';
import { goToOneOf, isProtocol, rememberSource, sourceIsIn, translateTo, verdict } from './expressions.ts';
import {
  deleteChain,
  deleteSet,
  newAffinitySet,
  newChain,
  newRule,
  type ServiceElement,
  type ServiceMessage,
} from './messages.ts';
import type { Pool } from './service-program.ts';

/** Number → chain of an endpoint, from 0 on. */
export function poolMap(name: string): string {
  return `m_${name}`;
}

export function numberedElements(name: string, { backends }: Pool): ServiceElement[] {
  return backends.map((backend, number) => {
    const key = Buffer.alloc(4);
    key.writeUInt32LE(number);
    return { set: poolMap(name), key, value: { kind: 'goto', chain: memory(name, backend).chain } };
  });
}

/** One for each endpoint, which asks whether the caller was there before, and one that chooses. */
export function poolRules(name: string, { family, backends }: Pool): ServiceMessage[] {
  return [
    ...backends.map((backend) => {
      const { chain, set } = memory(name, backend);
      return newRule(name, [...sourceIsIn(set, family), verdict({ kind: 'goto', chain })]);
    }),
    newRule(name, goToOneOf(poolMap(name), backends.length)),
  ];
}

/** What remembers the callers of an endpoint, for those of `backends`. */
export function newMemories(name: string, pool: Pool, backends: readonly VipBackendIr[]): ServiceMessage[] {
  const { family, protocol, affinitySeconds } = pool;
  return backends.flatMap((backend) => {
    const { chain, set } = memory(name, backend);
    return [
      newAffinitySet(set, family, affinitySeconds),
      newChain(chain, `${backend.address} ${backend.port}`),
      // Of its own: a set that is full must not keep the connection from being translated.
      newRule(chain, rememberSource(set, family)),
      newRule(chain, [...isProtocol(protocol), ...translateTo(backend.address, backend.port, family)]),
    ];
  });
}

/** Once nothing leads to them any more. */
export function deleteMemories(name: string, backends: readonly VipBackendIr[]): ServiceMessage[] {
  return backends.flatMap((backend) => {
    const { chain, set } = memory(name, backend);
    return [deleteChain(chain), deleteSet(set)];
  });
}

function memory(name: string, { address, port }: VipBackendIr) {
  const hash = shortHash(`${name} ${address} ${port}`);
  return { chain: `e_${hash}`, set: `a_${hash}` };
}
