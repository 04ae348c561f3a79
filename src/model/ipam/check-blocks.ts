import type { IPBlock } from '../../api/generated/ipblock.ts';
import { containsAddress, lastAddress, overlaps, parseCidr } from '../../lib/ip.ts';
import { type AddressFacts, allLeases, inspectedNodes, RangeIndex } from './address-facts.ts';
import { isBorrowed, isUnagreed } from './borrowed.ts';
import { leasableAddresses } from './capacity.ts';
import { FINDING, type Finding, finding } from './finding.ts';
import { isSecond } from './pool-choice.ts';

/** Blocks beside pools, Nodes and what nodes hold; pools beside what is leased of them. Pure. */
export function checkBlocks(facts: AddressFacts): readonly Finding[] {
  return [
    ...checkNodesAsked(facts),
    ...checkPlaces(facts),
    ...checkOverlaps(facts),
    ...checkOwners(facts),
    ...checkMismatches(facts),
    ...checkLeasedOutside(facts),
    ...checkCounts(facts),
  ];
}

/** What could not be looked at is not well. */
function checkNodesAsked({ inspections }: AddressFacts): Finding[] {
  return [...inspections].flatMap(([node, seen]) => {
    if (typeof seen !== 'string') return [];
    const message = `not looked at: ${seen}`;
    const nextStep = `kubectl -n weft-system get pods -l app=weft-agent --field-selector spec.nodeName=${node}`;
    return [finding({ kind: FINDING.nodeNotAsked, node, subject: node, message, nextStep })];
  });
}

function checkPlaces({ pools, blocks }: AddressFacts): Finding[] {
  const byUid = new Map(pools.map((pool) => [pool.metadata.uid, pool]));
  return blocks.flatMap(({ metadata, spec }) => {
    const pool = byUid.get(spec.poolUid);
    const [range, whole] = [parseCidr(spec.cidr), parseCidr(pool?.spec.cidr ?? '')];
    const isWithin =
      range !== undefined &&
      whole !== undefined &&
      containsAddress(whole, { family: range.family, value: range.base }) &&
      lastAddress(range) <= lastAddress(whole);
    if (isWithin) return [];
    const message =
      pool === undefined
        ? `its IPPool '${spec.poolName}' (uid ${spec.poolUid}) is gone`
        : `it is no part of its IPPool '${spec.poolName}' (${pool.spec.cidr})`;
    const nextStep = `when no pod holds an address of it (weft ipam show): kubectl delete ipblock ${metadata.name}`;
    return [finding({ kind: FINDING.blockOutsidePool, node: spec.nodeName, subject: spec.cidr, message, nextStep })];
  });
}

/** Sorted by address, a block that overlaps any before it overlaps the one that reaches farthest. */
function checkOverlaps(facts: AddressFacts): Finding[] {
  const sorted = facts.blocks
    .flatMap((block) => {
      const range = parseCidr(block.spec.cidr);
      return range === undefined ? [] : [{ range, block }];
    })
    .sort((a, b) => {
      const byBase = a.range.base < b.range.base ? -1 : a.range.base > b.range.base ? 1 : 0;
      return a.range.family - b.range.family || byBase || a.range.length - b.range.length;
    });
  const found: Finding[] = [];
  let widest = sorted[0];
  // Of what is borrowed the last one: two of one lender must not overlap either.
  let borrowed: typeof widest;
  for (const next of sorted.slice(1)) {
    const isWithin = widest !== undefined && overlaps(widest.range, next.range);
    if (!isWithin) widest = next;
    const isKnown = isWithin && widest !== undefined && isLentBy(facts, widest.block, next.block);
    const isTwice = borrowed !== undefined && overlaps(borrowed.range, next.range);
    if (isBorrowed(next.block) && !isTwice) borrowed = next;
    const other = isTwice ? borrowed : isWithin && !isKnown ? widest : undefined;
    if (other !== undefined) found.push(overlap(other.block, next.block));
  }
  return found;
}

function overlap(one: IPBlock, other: IPBlock): Finding {
  const message = `it overlaps ${one.spec.cidr} of node '${one.spec.nodeName}': both nodes may lease the same address`;
  const nextStep = `drain '${other.spec.nodeName}', then kubectl delete ipblock ${other.metadata.name}`;
  const { cidr: subject, nodeName: node } = other.spec;
  return finding({ kind: FINDING.blocksOverlap, node, subject, detail: one.spec.cidr, message, nextStep });
}

/** A node that could not be asked is taken to know what it has lent. */
function isLentBy({ inspections }: AddressFacts, whole: IPBlock, part: IPBlock): boolean {
  if (!isBorrowed(part) || isBorrowed(whole)) return false;
  const lender = inspections.get(whole.spec.nodeName);
  return (
    isUnagreed(part) ||
    lender === undefined ||
    typeof lender === 'string' ||
    lender.lent.includes(part.metadata.uid ?? '')
  );
}

function isOwned(facts: AddressFacts): (block: IPBlock) => boolean {
  const uids = new Map(facts.nodes.map(({ metadata }) => [metadata.name, metadata.uid]));
  return ({ spec }) => uids.get(spec.nodeName) === spec.nodeUid;
}

function checkOwners(facts: AddressFacts): Finding[] {
  const owned = isOwned(facts);
  return facts.blocks
    .filter((block) => !owned(block))
    .map(({ metadata, spec }) => {
      const ms = facts.quarantinedMs.get(metadata.uid ?? '');
      const message =
        ms === undefined
          ? `its Node '${spec.nodeName}' (uid ${spec.nodeUid}) is gone, and somebody still holds addresses of it`
          : `its Node '${spec.nodeName}' is gone, as is known for ${Math.floor(ms / 1000)} s; it is free again after 10 minutes`;
      const nextStep =
        ms === undefined ? 'delete the pods that hold them (weft ipam show ADDRESS), or wait for them to end' : 'wait';
      return finding({
        ...{ kind: FINDING.quarantined, node: spec.nodeName, subject: spec.cidr, message, nextStep, isNote: true },
      });
    });
}

function checkMismatches(facts: AddressFacts): Finding[] {
  const owned = isOwned(facts);
  const told = facts.blocks.filter((block) => !isUnagreed(block));
  const own = Map.groupBy(told.filter(owned), ({ spec }) => spec.nodeName);
  const kept = new Set(facts.blocks.filter((block) => !owned(block)).map(({ spec }) => spec.cidr));
  const kind = FINDING.blockMismatch;
  return inspectedNodes(facts).flatMap(([node, { blocks }]) => {
    const given = (own.get(node) ?? []).map(({ spec }) => spec.cidr);
    const untold = given.filter((cidr) => !blocks.includes(cidr));
    // One of a Node that is gone is kept for whoever holds it: quarantine says so.
    const taken = blocks.filter((cidr) => !given.includes(cidr) && !kept.has(cidr));
    return [
      ...untold.map((subject) => {
        const message = "the block is this node's, and the node has not been told";
        const nextStep = `kubectl get nodenetwork ${node} -o yaml, condition Applied; else the operators' logs`;
        return finding({ kind, node, subject, detail: 'untold', message, nextStep });
      }),
      ...taken.map((subject) => {
        const message = "the node leases from it, and it is not this node's: another node may be given it";
        const nextStep = `drain '${node}', then restart its weft-agent`;
        return finding({ kind, node, subject, detail: 'taken', message, nextStep });
      }),
    ];
  });
}

function checkLeasedOutside(facts: AddressFacts): Finding[] {
  const told = facts.blocks.filter((block) => !isUnagreed(block));
  const blocks = new RangeIndex(told, ({ spec }) => spec.cidr);
  return allLeases(facts).flatMap(({ node, attachment }) => {
    const stray = attachment.addresses.filter((address) => {
      const owners = blocks.all(address);
      const [narrowest] = owners;
      const whose = narrowest !== undefined && isBorrowed(narrowest) ? [narrowest] : owners;
      return !whose.some(({ spec }) => spec.nodeName === node);
    });
    return stray.map((subject) => {
      const owner = blocks.find(subject)?.spec;
      const where = owner === undefined ? 'no block' : `block ${owner.cidr} of node '${owner.nodeName}'`;
      const message = `pod uid ${attachment.podUid} holds it, and it is in ${where}: another pod may be given it`;
      const nextStep = 'delete the pod: it gets another address (weft ipam show ADDRESS names it)';
      return finding({ kind: FINDING.leaseOutsideBlocks, node, subject, message, nextStep });
    });
  });
}

/** What the status says of a pool, and what there is; leases only when every node could be asked. */
function checkCounts(facts: AddressFacts): Finding[] {
  const isComplete = [...facts.inspections.values()].every((seen) => typeof seen !== 'string');
  const held = allLeases(facts).flatMap(({ attachment }) => attachment.addresses);
  const pools = facts.pools.filter((pool) => !isSecond(pool));
  const index = new RangeIndex(pools, ({ spec }) => spec.cidr);
  const heldIn = Map.groupBy(new Set(held), (address) => index.find(address)?.metadata.name);
  return pools.flatMap((pool) => {
    const { name, uid } = pool.metadata;
    if (pool.status?.conditions === undefined) return [];
    const there = {
      blocks: facts.blocks.filter((block) => block.spec.poolUid === uid && !isBorrowed(block)).length,
      capacity: leasableAddresses(pool.spec),
      ...(isComplete ? { allocated: heldIn.get(name)?.length ?? 0 } : {}),
    };
    const said = pool.status as Readonly<Record<string, unknown>>;
    const wrong = Object.entries(there).filter(([field, value]) => said[field] !== value);
    if (wrong.length === 0) return [];
    const message = wrong
      .map(([field, value]) => `status.${field} is ${String(said[field])}, counted ${value}`)
      .join('; ');
    const common = { kind: FINDING.poolMiscounts, subject: name, detail: message, message };
    return [finding({ ...common, nextStep: 'weft ipam check --fix', repair: { how: 'recount' } })];
  });
}
