import { shortHash } from '../../../../lib/hash.ts';
import { type Family, parseCidr, parseIp } from '../../../../lib/ip.ts';
import { POD_INTERFACE_PREFIX } from '../../../../model/node/names.ts';
import {
  ANY_NODE_ADDRESS,
  type FrontendIr,
  type ServiceVipIr,
  type VipBackendIr,
} from '../../../../model/service/vip.ts';
import { ipBytes, portBytes } from '../../netlink/codec.ts';
import { NftError } from '../nft-error.ts';
import {
  comesFrom,
  comesFromThisNode,
  comesInBy,
  type Expression,
  type FrontendKind,
  PROTOCOL_NUMBERS,
  translateToOneOf,
  type Verdict,
  verdict,
} from './expressions.ts';
import { endpointMap, type ServiceElement } from './messages.ts';
import { MARK_CHAIN, REFUSE_CHAIN } from './render-base.ts';

/** The endpoints that one chain of a service with affinity selects from. */
export interface Pool {
  readonly family: Family;
  readonly protocol: ServiceVipIr['protocol'];
  readonly backends: readonly VipBackendIr[];
  readonly affinitySeconds: number;
}

type Rules = readonly (readonly Expression[])[];

/** What the table holds for one service. */
export interface ServiceProgram {
  /** With affinity only: by name of the chain, `b_…`. */
  readonly pools: ReadonlyMap<string, Pool>;
  /**
   * Chains that lead to endpoints, or to each other, by name. Those whose name says what they do, `t4_3` (to one of
   * three), belong to all services that want the same; those with a hash, `r_…`, to one.
   */
  readonly ways: ReadonlyMap<string, Rules>;
  /** Elements of maps and sets that are everybody's; other services may want the same. */
  readonly elements: readonly ServiceElement[];
}

/** Where the numbers of `ownCallers` begin; those of `backends` begin at 0. */
const OWN_CALLERS_FIRST = 2 ** 31;
/** Sets apart from the chains that are one service's. */
export const OF_MANY = /^[tnx][46]/;

/**
 * Pure.
 * @param key `namespace/name`.
 * @throws NftError `BadName` for what is no address, port, prefix or protocol.
 */
export function serviceProgram(key: string, vips: readonly ServiceVipIr[]): ServiceProgram {
  const program = new ProgramWriter(key);
  for (const vip of vips) {
    check(key, vip);
    program.write(vip);
  }
  return { pools: program.pools, ways: program.ways, elements: [...program.elements.values()] };
}

export function elementId({ set, key }: ServiceElement): string {
  return `${set} ${key.toString('latin1')}`;
}

class ProgramWriter {
  readonly pools = new Map<string, Pool>();
  readonly ways = new Map<string, Rules>();
  readonly elements = new Map<string, ServiceElement>();
  readonly #key: string;

  constructor(key: string) {
    this.#key = key;
  }

  write(vip: ServiceVipIr): void {
    const { family, protocol, scope, frontends, backends, ownCallers = [] } = vip;
    for (const { address, isLocal } of [...backends, ...ownCallers]) {
      if (isLocal !== true) continue;
      this.#add({ set: `hairpin${family}`, key: Buffer.concat([ipBytes(address), ipBytes(address)]) });
    }
    const isServed = backends.length + ownCallers.length > 0;
    for (const [kind, of] of Map.groupBy(frontends, kindOf)) {
      const value = isServed ? this.#way(vip, kind) : verdictOf(vip.whenEmpty);
      const map =
        kind === 'nodePort' ? (isServed ? 'node_ports' : 'unserved_ports') : isServed ? 'frontends' : 'unserved';
      for (const frontend of of) {
        const place = frontendKey(frontend, protocol);
        this.#add({ set: `${map}${family}`, key: place, value });
        if (scope === 'internal') this.#add({ set: `cluster_ips${family}`, key: ipBytes(frontend.address) });
        if (vip.affinitySeconds !== undefined) continue;
        this.#addEndpoints(vip, kind, place, backends, 0);
        this.#addEndpoints(vip, kind, place, ownCallers, OWN_CALLERS_FIRST);
      }
    }
  }

  /** Where the map of frontends leads. */
  #way(vip: ServiceVipIr, kind: FrontendKind): Verdict {
    const { backends, ownCallers = [], pool, masquerade, sourceRanges } = vip;
    const everybody = backends.length === 0 ? verdictOf('drop') : this.#translate(vip, kind, pool, backends, 0);
    let first = masquerade === 'always' ? this.#masqueraded(vip, everybody) : everybody;
    if (ownCallers.length > 0) {
      const own = this.#translate(vip, kind, 'cluster', ownCallers, OWN_CALLERS_FIRST);
      first = this.#chain(
        'n',
        vip,
        [first, own],
        [
          [...comesInBy(POD_INTERFACE_PREFIX), verdict(own)],
          [...comesFromThisNode(), verdict(this.#masqueraded(vip, own))],
          [verdict(first)],
        ],
      );
    }
    if (sourceRanges === undefined) return first;
    const name = `r_${this.#hash(vip, kind)}`;
    const then = verdict(first);
    this.ways.set(name, [...sourceRanges.map((range) => [...comesFrom(range), then]), [verdict({ kind: 'drop' })]]);
    return { kind: 'goto', chain: name };
  }

  #translate(
    vip: ServiceVipIr,
    kind: FrontendKind,
    pool: ServiceVipIr['pool'],
    backends: readonly VipBackendIr[],
    first: number,
  ): Verdict {
    const { family, protocol, affinitySeconds } = vip;
    if (affinitySeconds !== undefined) {
      // The same for all frontends of a port that want the same endpoints, so that affinity holds across them.
      const chain = `b_${this.#hash(vip, pool)}`;
      this.pools.set(chain, { family, protocol, backends, affinitySeconds });
      return { kind: 'goto', chain };
    }
    const count = backends.length;
    const chain = `t${family}${kind === 'nodePort' ? 'p' : ''}_${count}${first === 0 ? '' : '_own'}`;
    this.ways.set(chain, [translateToOneOf(endpointMap(kind, family), kind, family, { count, first })]);
    return { kind: 'goto', chain };
  }

  #masqueraded(vip: ServiceVipIr, then: Verdict): Verdict {
    return this.#chain('x', vip, [then], [[verdict({ kind: 'jump', chain: MARK_CHAIN })], [verdict(then)]]);
  }

  /** Named by where it leads. */
  #chain(letter: string, { family }: ServiceVipIr, to: readonly Verdict[], rules: Rules): Verdict {
    const names = to.map((of) => (of.kind === 'drop' ? 'drop' : of.chain));
    const chain = `${letter}${family}_${names.join('_')}`;
    this.ways.set(chain, rules);
    return { kind: 'goto', chain };
  }

  #addEndpoints(
    { family }: ServiceVipIr,
    kind: FrontendKind,
    place: Buffer,
    backends: readonly VipBackendIr[],
    first: number,
  ): void {
    for (const [index, { address, port }] of backends.entries()) {
      const number = Buffer.alloc(4);
      number.writeUInt32LE(first + index);
      const value = Buffer.concat([ipBytes(address), padded(portBytes(port))]);
      this.#add({ set: endpointMap(kind, family), key: Buffer.concat([place, number]), value });
    }
  }

  #add(element: ServiceElement): void {
    this.elements.set(elementId(element), element);
  }

  #hash({ port, protocol, family, affinitySeconds = 0 }: ServiceVipIr, what: string): string {
    return shortHash([this.#key, port, protocol, family, affinitySeconds, what].join(' '));
  }
}

function verdictOf(whenEmpty: ServiceVipIr['whenEmpty']): Verdict {
  return whenEmpty === 'drop' ? { kind: 'drop' } : { kind: 'goto', chain: REFUSE_CHAIN };
}

function kindOf({ address }: FrontendIr): FrontendKind {
  return address === ANY_NODE_ADDRESS ? 'nodePort' : 'address';
}

function frontendKey(frontend: FrontendIr, protocol: ServiceVipIr['protocol']): Buffer {
  const port = [padded(Buffer.of(PROTOCOL_NUMBERS[protocol])), padded(portBytes(frontend.port))];
  return Buffer.concat(kindOf(frontend) === 'nodePort' ? port : [ipBytes(frontend.address), ...port]);
}

function check(key: string, vip: ServiceVipIr): void {
  const refuse = (what: string) => {
    throw new NftError('BadName', `service ${key}, port '${vip.port}': ${what}`);
  };
  if (!(vip.protocol in PROTOCOL_NUMBERS)) refuse(`'${vip.protocol}' is no protocol`);
  const frontends = vip.frontends.filter(({ address }) => address !== ANY_NODE_ADDRESS);
  for (const { address } of [...frontends, ...vip.backends, ...(vip.ownCallers ?? [])]) {
    if (parseIp(address)?.family !== vip.family) refuse(`'${address}' is no IPv${vip.family} address`);
  }
  for (const { port } of [...vip.frontends, ...vip.backends, ...(vip.ownCallers ?? [])]) {
    if (!Number.isInteger(port) || port < 1 || port > 65_535) refuse(`${port} is no port`);
  }
  for (const range of vip.sourceRanges ?? []) {
    if (parseCidr(range)?.family !== vip.family) refuse(`'${range}' is no IPv${vip.family} prefix`);
  }
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(4 - bytes.length)]);
}
