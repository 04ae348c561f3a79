import type { Family } from '../../../lib/ip.ts';
import type { AuditIr, ChainIr, LimitIr, RuleIr } from '../../../model/node/ir.ts';
import { NO_RULE } from '../../../model/policy/tiers.ts';
import type { NftLine } from './libnftables.ts';
import { LOG_BYTES, LOG_GROUP } from './logged-packet.ts';
import { chainName, type Direction, LIMITS, setName } from './names.ts';
import { type LimitSet, limitSets, renderLimits } from './render-limits.ts';
import { ANYTHING, type Match, renderPorts } from './render-ports.ts';

/** NFT_USERDATA comments hold 128 bytes with their terminator. */
const COMMENT_CHARACTERS = 120;

/**
 * The chains of nftables that one policy chain becomes: one for each of its tiers, the first under its plain name, one
 * for each policy that denies, one for limits, and as for tiers for what is on trial.
 */
export function chainNames(direction: Direction, key: string, { rules, otherwise, audit, limits }: ChainIr): string[] {
  const name = chainName(direction, key);
  return [
    ...tierNames(name, rules),
    ...denialsOf(name, { rules, otherwise }).map((denial) => denial.name),
    ...(limits === undefined ? [] : [limitsName(name)]),
    ...(audit === undefined ? [] : tierNames(auditName(name), audit.rules)),
  ];
}

/** The sets that belong to one policy chain alone: those of its limits. */
export function ownSets(direction: Direction, key: string, chain: ChainIr, families: readonly Family[]): LimitSet[] {
  return limitSets(limitsName(chainName(direction, key)), chain.limits ?? [], families);
}

/**
 * The rules of one policy chain: `return` on allow, so that the other direction is still asked, `drop` on deny, and on
 * to the next tier for what is passed, or what no rule of a tier matches. A rule becomes one line for each far end,
 * family and protocol, all of the same verdict, so their order among themselves is free.
 */
export function renderChain(direction: Direction, key: string, chain: ChainIr, families: readonly Family[]): NftLine[] {
  const { rules, otherwise, keepsOpen, audit, limits } = chain;
  const name = chainName(direction, key);
  const denials = denialsOf(name, chain);
  const verdicts: Verdicts = {
    allow: limits === undefined ? 'return' : `goto ${limitsName(name)}`,
    deny: 'drop',
    denial: ({ action, origin }) => {
      const own = denials.find((denial) => denial.action === action && denial.origin === origin);
      return own === undefined ? 'drop' : `goto ${own.name}`;
    },
  };
  const denied = {
    action: 'deny',
    peers: 'any',
    ports: 'any',
    origin: NO_RULE,
    ...(keepsOpen && { keepsOpen }),
  } as const;
  const end = otherwise === 'deny' ? linesOf(direction, denied, ANYTHING, verdicts) : limits && [verdicts.allow];
  const lines = [
    ...(audit === undefined ? [] : [`${name} jump ${auditName(name)}`]),
    ...renderTiers(name, rules, end ?? [], (rule, onwards = verdicts[otherwise]) =>
      renderRule(direction, rule, families, (match) => linesOf(direction, rule, match, { ...verdicts, pass: onwards })),
    ),
    ...denials.flatMap((denial) => denialLines(direction, denial)),
    ...(limits === undefined ? [] : limitLines(limitsName(name), direction, limits, families)),
    ...(audit === undefined ? [] : renderAudit(auditName(name), direction, audit, families)),
  ];
  return lines.map((line): NftLine => ({ text: `add rule inet weft ${line}`, culprit: { kind: 'chain', key } }));
}

/** What a rule's verdict is called in its chain. */
interface Verdicts {
  readonly allow: string;
  readonly deny: string;
  readonly pass?: string;
  /** Where what a rule denies goes. */
  readonly denial: (rule: Pick<RuleIr, 'action' | 'origin'>) => string;
}

/** Where one policy's denials are logged and counted: apart, so that what is let through does not meet it. */
interface Denial {
  readonly name: string;
  readonly action: 'deny' | 'reject';
  readonly origin: string;
}

function denialsOf(name: string, { rules, otherwise }: Pick<ChainIr, 'rules' | 'otherwise'>): Denial[] {
  const all = rules.flatMap(({ action, origin }) =>
    action === 'deny' || action === 'reject' ? [{ action, origin }] : [],
  );
  const whole = otherwise === 'deny' ? [...all, { action: 'deny' as const, origin: NO_RULE }] : all;
  const unique = new Map(whole.map((denial) => [`${denial.action} ${denial.origin}`, denial]));
  return [...unique.values()].map((denial, at) => ({ name: `${name}.no${at + 1}`, ...denial }));
}

function denialLines(direction: Direction, { name, action, origin }: Denial): string[] {
  const comment = `comment "${renderComment(origin)}"`;
  const prefix = renderComment(`${action} ${direction} ${origin}`);
  const log = `limit rate 10/second burst 20 packets log prefix "${prefix}" group ${LOG_GROUP} snaplen ${LOG_BYTES}`;
  const end = action === 'deny' ? [`counter drop ${comment}`] : renderReject(comment);
  return [log, ...end].map((line) => `${name} ${line}`);
}

function limitLines(
  name: string,
  direction: Direction,
  limits: readonly LimitIr[],
  families: readonly Family[],
): string[] {
  return renderLimits(name, direction, limits, { families, comment: renderComment }).map((line) => `${name} ${line}`);
}

/** What is on trial: as the rules themselves, but that nothing is denied, and what is not on trial is not counted. */
function renderAudit(
  name: string,
  direction: Direction,
  { rules, onTrial }: AuditIr,
  families: readonly Family[],
): string[] {
  return renderTiers(name, rules, [], (rule, onwards = 'return') =>
    renderRule(direction, rule, families, ({ text }) => {
      const { action, origin } = rule;
      if (action === 'log') return onTrial.includes(origin) ? [renderLog(direction, rule, text)] : [];
      const verdict = action === 'pass' ? onwards : 'return';
      const comment = renderComment(`${AUDIT}${action} ${origin}`);
      return [onTrial.includes(origin) ? `${text}counter ${verdict} comment "${comment}"` : `${text}${verdict}`];
    }),
  );
}

/** Begins the comment of what is counted on trial; the verdict and the origin follow. */
export const AUDIT = 'audit ';

function limitsName(name: string): string {
  return `${name}${LIMITS}`;
}

function auditName(name: string): string {
  return `${name}.audit`;
}

function tierNames(name: string, rules: readonly RuleIr[]): string[] {
  return tiersOf(rules).map((_, at) => (at === 0 ? name : `${name}.${at + 1}`));
}

/** @param render  lines of a rule, given where it passes to; undefined: behind the last tier. */
function renderTiers(
  name: string,
  rules: readonly RuleIr[],
  end: readonly string[],
  render: (rule: RuleIr, onwards: string | undefined) => string[],
): string[] {
  const names = tierNames(name, rules);
  return tiersOf(rules).flatMap((own, at) => {
    const next = names[at + 1];
    const onwards = next === undefined ? undefined : `goto ${next}`;
    const lines = [...own.flatMap((rule) => render(rule, onwards)), ...(onwards === undefined ? end : [onwards])];
    return lines.map((line) => `${names[at]} ${line}`);
  });
}

/** Neighbours of the same tier together; at least one group, which may be empty. */
function tiersOf(rules: readonly RuleIr[]): (readonly RuleIr[])[] {
  const tiers = [...Map.groupBy(rules, ({ tier = 0 }) => tier).values()];
  return tiers.length === 0 ? [[]] : tiers;
}

/** `lines` of each far end, family and protocol that the rule matches. */
function renderRule(
  direction: Direction,
  rule: RuleIr,
  families: readonly Family[],
  lines: (match: Match) => string[],
): string[] {
  const { peers, ports } = rule;
  const far = direction === 'ingress' ? 'saddr' : 'daddr';
  const of = (end: string, family?: Family) =>
    (ports === 'any' ? [ANYTHING] : renderPorts(ports, family)).flatMap((match) =>
      lines({ ...match, text: `${end}${match.text}${renderServed(rule, family)}` }),
    );
  if (peers === 'any') return rule.http === undefined ? of('') : families.flatMap((family) => of('', family));
  return peers.flatMap((key) =>
    families.flatMap((family) => of(`${family === 4 ? 'ip' : 'ip6'} ${far} @${setName(key, family)} `, family)),
  );
}

/** What requests decide about is left to the pod's proxy, where it reads them: see `RuleIr.http`. */
function renderServed({ http, action }: RuleIr, family: Family = 4): string {
  if (http === undefined) return '';
  const [ip, set] = family === 4 ? ['ip', 'http_served'] : ['ip6', 'http_served6'];
  return `${ip} daddr . tcp dport ${action === 'allow' ? '' : '!= '}@${set} `;
}

function linesOf(direction: Direction, rule: RuleIr, match: Match, verdicts: Verdicts): string[] {
  const { action, origin, keepsOpen } = rule;
  if (action === 'log') return [renderLog(direction, rule, match.text)];
  const comment = `comment "${renderComment(origin)}"`;
  const kept = keepsOpen === true ? [`${match.text}ct state established,related return`] : [];
  if (action === 'deny' || action === 'reject') return [...kept, `${match.text}${verdicts.denial(rule)}`];
  return [...kept, `${match.text}counter ${verdicts[action]} ${comment}`];
}

/** Goes on with the next line. The log's prefix says for whom, and which way: `parseLogged` reads it. */
function renderLog(direction: Direction, { origin }: RuleIr, match: string): string {
  const policy = renderComment(origin);
  const log = `log prefix "${renderComment(`${direction} ${origin}`)}" group ${LOG_GROUP} snaplen ${LOG_BYTES}`;
  return `${match}counter limit rate 10/second burst 20 packets ${log} comment "${policy}"`;
}

/** TCP is told by a reset, everything else by ICMP. */
function renderReject(comment: string): string[] {
  return [
    `meta l4proto tcp counter reject with tcp reset ${comment}`,
    `counter reject with icmpx type admin-prohibited ${comment}`,
  ];
}

/** What could end the quotes or the line is left out. */
export function renderComment(origin: string): string {
  return origin.replaceAll(/[^ -~]|["\\]/g, '').slice(0, COMMENT_CHARACTERS);
}
