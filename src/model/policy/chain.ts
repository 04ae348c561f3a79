import type { ChainIr, LimitIr, PortIr, RateIr, RuleIr } from '../node/ir.ts';
import { auditOf } from './audit.ts';
import { namedSources } from './peers.ts';
import type { Direction, PolicyForm, RuleForm } from './policy-form.ts';
import { coalescePorts, isNamedPort, type NamedPort } from './ports.ts';
import { joinTiers } from './tiers.ts';
import { cidrSetKey, podSetKey, sourceKey, type PodSource } from './sources.ts';

/** What names of ports mean. */
export interface PortNames {
  /** The number that the subject itself gives to an ingress port's name. */
  onSubject(port: NamedPort): number | undefined;
  /** The numbers that the pods of a source give to its port's name, ascending. */
  numbersOf(source: PodSource): readonly number[];
}

/**
 * The chain of one direction of a pod.
 *
 * @param policies  those that select the pod and say something about the direction, in order of evaluation.
 */
export function compileChain(policies: readonly PolicyForm[], direction: Direction, names: PortNames): ChainIr {
  const ruling = policies.filter((policy) => policy[direction] !== undefined);
  const enforced = ruling.filter(({ isAudited }) => isAudited !== true);
  const limits = policies.flatMap(({ origin, limits: of }) => limitOf(origin, of?.[direction]));
  const bandwidth = leastRate(policies, direction);
  const chain = {
    ...compileAll(enforced, direction, names),
    ...(limits.length === 0 ? {} : { limits }),
    ...(bandwidth === undefined ? {} : { bandwidth }),
  };
  if (enforced.length === ruling.length) return chain;
  return { ...chain, audit: auditOf(ruling, compileAll(ruling, direction, names)) };
}

function limitOf(origin: string, limit: Omit<LimitIr, 'origin'> | undefined): LimitIr[] {
  if (limit === undefined) return [];
  const { max, newPerSecond } = limit;
  return [{ origin, ...(max === undefined ? {} : { max }), ...(newPerSecond === undefined ? {} : { newPerSecond }) }];
}

function leastRate(policies: readonly PolicyForm[], direction: Direction): RateIr | undefined {
  const rates = policies.flatMap(({ origin, bandwidth }): RateIr[] => {
    const bitsPerSecond = bandwidth?.[direction];
    return bitsPerSecond === undefined ? [] : [{ bitsPerSecond, origin }];
  });
  return rates.sort((a, b) => a.bitsPerSecond - b.bitsPerSecond)[0];
}

function compileAll(policies: readonly PolicyForm[], direction: Direction, names: PortNames): ChainIr {
  const tiers = [...Map.groupBy(policies, ({ tier }) => tier)].map(([tier, own]) => {
    const rules = own.flatMap((policy) =>
      (policy[direction] ?? []).flatMap((rule) => compileRule(rule, policy, direction, names)),
    );
    const keepsOpen = tier === 'weft' && own.every((policy) => policy.keepsOpen === true);
    return { tier, rules: mergeRules(rules), keepsOpen };
  });
  return joinTiers(tiers);
}

function compileRule(
  rule: RuleForm,
  { origin, ...policy }: PolicyForm,
  direction: Direction,
  names: PortNames,
): RuleIr[] {
  const { action } = rule;
  const rules: RuleIr[] = [];
  const keepsOpen = policy.keepsOpen === true && (action === 'deny' || action === 'reject');
  const http = rule.http === undefined ? {} : { http: rule.http };
  const emit = (peers: RuleIr['peers'], ports: RuleIr['ports']) => {
    if (peers.length > 0 && ports.length > 0) {
      rules.push({ action, ...(keepsOpen ? { keepsOpen } : {}), peers, ports, ...http, origin });
    }
  };
  const peers = rule.peers === 'any' ? 'any' : sortedUnique(rule.peers.map(setKeyOf));
  if (rule.ports === 'any') {
    emit(peers, rule.http === undefined ? 'any' : EVERY_TCP_PORT);
    return rules;
  }
  const numbered: PortIr[] = [];
  const byNumber = new Map<string, { readonly port: PortIr; readonly sets: string[] }>();
  for (const port of rule.ports) {
    if (rule.http !== undefined && port.protocol !== 'TCP') continue;
    if (!isNamedPort(port)) {
      numbered.push(port);
    } else if (direction === 'ingress') {
      const number = names.onSubject(port);
      if (number !== undefined) numbered.push(singlePort(port, number));
    } else {
      for (const source of namedSources(rule.peers, port)) {
        for (const number of names.numbersOf(source)) {
          const key = `${port.protocol}/${String(number).padStart(5, '0')}`;
          const group = byNumber.get(key) ?? { port: singlePort(port, number), sets: [] };
          group.sets.push(podSetKey(sourceKey(source), number));
          byNumber.set(key, group);
        }
      }
    }
  }
  emit(peers, coalescePorts(numbered));
  for (const key of [...byNumber.keys()].sort()) {
    const group = byNumber.get(key);
    if (group !== undefined) emit(sortedUnique(group.sets), [group.port]);
  }
  return rules;
}

const EVERY_TCP_PORT: readonly PortIr[] = [{ protocol: 'TCP', from: 0, to: 65_535 }];

function setKeyOf(peer: Exclude<RuleForm['peers'], 'any'>[number]): string {
  return peer.kind === 'pods' ? podSetKey(sourceKey({ selector: peer.selector })) : cidrSetKey(peer.cidrs);
}

function singlePort({ protocol }: NamedPort, number: number): PortIr {
  return { protocol, from: number, to: number };
}

/**
 * Joins neighbours of one policy and one action that differ in peers only, or in ports only, as (A∧P)∨(B∧P) = (A∨B)∧P.
 * Rules behind one that matches everything are never met and left out. Of one tier.
 */
export function mergeRules(rules: readonly RuleIr[]): RuleIr[] {
  const merged: RuleIr[] = [];
  for (const rule of rules) {
    const previous = merged.at(-1);
    const joined = previous === undefined ? undefined : joinRules(previous, rule);
    if (joined === undefined) merged.push(rule);
    else merged[merged.length - 1] = joined;
    const last = merged.at(-1);
    if (last?.peers === 'any' && last.ports === 'any' && last.action !== 'log') break;
  }
  return merged;
}

function joinRules(a: RuleIr, b: RuleIr): RuleIr | undefined {
  if (a.action !== b.action || a.origin !== b.origin || !sameJson(a.http, b.http)) return undefined;
  if (sameJson(a.ports, b.ports)) {
    return { ...a, peers: a.peers === 'any' || b.peers === 'any' ? 'any' : sortedUnique([...a.peers, ...b.peers]) };
  }
  if (sameJson(a.peers, b.peers)) {
    return { ...a, ports: a.ports === 'any' || b.ports === 'any' ? 'any' : coalescePorts([...a.ports, ...b.ports]) };
  }
  return undefined;
}

function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function sortedUnique(texts: readonly string[]): string[] {
  return [...new Set(texts)].sort();
}
