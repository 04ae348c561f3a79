import { type Family, familyOf } from '../../lib/ip.ts';
import { explainFlow, type FlowAsk, type FlowEnd } from './explain.ts';
import { outsideEnds } from './outside-ends.ts';
import { allSlots, intersectSlots, openSlots, packetOf, type SlotRange, subtractSlots } from './packet-slots.ts';
import type { Direction } from './policy-form.ts';
import type { PolicyIndex } from './policy-index.ts';
import { type KeyedChain, ReachView } from './reach-view.ts';

/** Somebody who can dial or be dialled. Pods of the host's network are their nodes. */
export interface ReachEnd {
  readonly kind: 'pod' | 'node' | 'outside';
  /** `namespace/name` of a pod, a node's name, what `cidrs` are called. */
  readonly name: string;
  readonly address: string;
  /** Of a pod. */
  readonly uid?: string;
  /** Of a pod: the node that it is on. Of a node: its own name. */
  readonly nodeName?: string;
  /** Of `outside`: all addresses that it stands for, but for those that somebody in the cluster has. */
  readonly cidrs?: readonly string[];
}

/** What all of `from` can do to all of `to` in one world and not in the other; a pod and itself are left out. */
export interface ReachDifference {
  readonly change: 'opens' | 'closes';
  readonly family: Family;
  readonly from: readonly ReachEnd[];
  readonly to: readonly ReachEnd[];
  readonly slots: readonly SlotRange[];
  /** Who lets it pass now, or who forbids it now. */
  readonly because: string;
}

/** Ends that no policy of either world tells from each other. */
interface EndClass {
  readonly kind: ReachEnd['kind'];
  readonly ends: ReachEnd[];
  readonly sides: readonly [before: Side, after: Side];
}

interface Side {
  readonly ingress: KeyedChain | undefined;
  readonly egress: KeyedChain | undefined;
  readonly sets: ReadonlySet<string>;
}

/**
 * Exactly what opens and what closes between two worlds, for everybody and every port: connections' first packets,
 * judged by both ends. Ends are grouped, so that the work grows with how many policies tell apart.
 *
 * @param ends pods and nodes that are in both worlds, each with one address of `family`.
 */
export function reachDifferences(
  before: PolicyIndex,
  after: PolicyIndex,
  ends: readonly ReachEnd[],
  family: Family,
): ReachDifference[] {
  const own = ends.filter(({ address }) => familyOf(address) === family);
  const uids = own.flatMap(({ uid }) => uid ?? []);
  const views = [new ReachView(before, uids), new ReachView(after, uids)] as const;
  const groupOf = (address: string) => views.map((view) => [...view.setsOf(address)].sort().join()).join(' | ');
  const cidrs = views.flatMap((view) => [...view.cidrs]);
  const outside = outsideEnds(family, cidrs, new Set(own.map(({ address }) => address)), groupOf);
  const strangers = outside.map((end): ReachEnd => ({ kind: 'outside', ...end }));
  const classes = classesOf([...own, ...strangers], views);
  const reached = new Reached(family);
  return classes.flatMap((from) =>
    classes.flatMap((to) => {
      if (!canDiffer(from, to)) return [];
      const was = reached.slots(from, to, 0);
      const is = reached.slots(from, to, 1);
      if (was === is) return [];
      const because = (slots: readonly SlotRange[]) => reasonOf([before, after], from, to, slots);
      return [
        { change: 'opens' as const, slots: subtractSlots(is, was) },
        { change: 'closes' as const, slots: subtractSlots(was, is) },
      ].flatMap(({ change, slots }) =>
        slots.length === 0 ? [] : [{ change, family, from: from.ends, to: to.ends, slots, because: because(slots) }],
      );
    }),
  );
}

function classesOf(ends: readonly ReachEnd[], views: readonly [ReachView, ReachView]): EndClass[] {
  const classes = new Map<string, EndClass>();
  for (const end of ends) {
    const { kind, uid, address } = end;
    const side = (view: ReachView): Side => ({
      ingress: uid === undefined ? undefined : view.chainOf(uid, 'ingress'),
      egress: uid === undefined ? undefined : view.chainOf(uid, 'egress'),
      sets: view.setsOf(address),
    });
    const sides = [side(views[0]), side(views[1])] as const;
    const text = sides.map(({ ingress, egress, sets }) => [ingress?.key, egress?.key, ...[...sets].sort()].join());
    const key = [kind, ...text].join(' | ');
    const known = classes.get(key);
    if (known === undefined) classes.set(key, { kind, ends: [end], sides });
    else known.ends.push(end);
  }
  return [...classes.values()];
}

/** Whether there is a pair that policies are asked about: see `explainFlow` for those that they are not. */
function canDiffer(from: EndClass, to: EndClass): boolean {
  return samplePair(from, to) !== undefined;
}

function samplePair(from: EndClass, to: EndClass): readonly [ReachEnd, ReachEnd] | undefined {
  if (from.kind !== 'pod' && to.kind !== 'pod') return undefined;
  for (const sender of from.ends) {
    const isOwn = (receiver: ReachEnd) => sender.kind === 'node' && receiver.nodeName === sender.nodeName;
    const receiver = to.ends.find((end) => end !== sender && !isOwn(end));
    if (receiver !== undefined) return [sender, receiver];
  }
  return undefined;
}

/** What passes between classes. Equal answers are the same object. */
class Reached {
  readonly #family: Family;
  readonly #open = new Map<string, readonly SlotRange[]>();
  readonly #both = new Map<string, readonly SlotRange[]>();
  readonly #interned = new Map<string, readonly SlotRange[]>();
  readonly #all: readonly SlotRange[];

  constructor(family: Family) {
    this.#family = family;
    this.#all = this.#intern(allSlots(family));
  }

  slots(from: EndClass, to: EndClass, world: 0 | 1): readonly SlotRange[] {
    const [sender, receiver] = [from.sides[world], to.sides[world]];
    const out = this.#half(sender, 'egress', receiver);
    const into = this.#half(receiver, 'ingress', sender);
    if (out === this.#all) return into;
    if (into === this.#all) return out;
    const key = `${textOf(out)} & ${textOf(into)}`;
    const known = this.#both.get(key) ?? this.#intern(intersectSlots(out, into));
    this.#both.set(key, known);
    return known;
  }

  #half(side: Side, direction: Direction, far: Side): readonly SlotRange[] {
    const keyed = side[direction];
    if (keyed === undefined) return this.#all;
    const { key: chainKey, chain } = keyed;
    const named = new Set(chain.rules.flatMap(({ peers }) => (peers === 'any' ? [] : peers)));
    const member = [...far.sets].filter((key) => named.has(key)).sort();
    const key = `${chainKey} ${member.join()}`;
    const known = this.#open.get(key) ?? this.#intern(openSlots(chain, new Set(member), this.#family));
    this.#open.set(key, known);
    return known;
  }

  #intern(slots: readonly SlotRange[]): readonly SlotRange[] {
    const sorted = [...slots].sort((a, b) => a.protocol.localeCompare(b.protocol) || a.from - b.from);
    const key = textOf(sorted);
    const known = this.#interned.get(key) ?? sorted;
    this.#interned.set(key, known);
    return known;
  }
}

function textOf(slots: readonly SlotRange[]): string {
  return slots.map(({ protocol, from, to }) => `${protocol}/${from}-${to}`).join();
}

/** By the first packet that differs: the end that forbids it in one of the worlds, and what is said of it afterwards. */
function reasonOf(
  [before, after]: readonly [PolicyIndex, PolicyIndex],
  from: EndClass,
  to: EndClass,
  slots: readonly SlotRange[],
): string {
  const pair = samplePair(from, to);
  const [first] = slots;
  if (pair === undefined || first === undefined) return '';
  const ask: FlowAsk = { from: flowEnd(pair[0]), to: flowEnd(pair[1]), ...packetOf(first) };
  const [was, is] = [explainFlow(before, ask), explainFlow(after, ask)];
  const shut = [...is.ends, ...was.ends].find(({ verdict }) => verdict !== 'allow');
  return is.ends.find(({ direction }) => direction === shut?.direction)?.why ?? '';
}

function flowEnd({ address, kind, name, uid, nodeName = '' }: ReachEnd): FlowEnd {
  if (kind !== 'pod' || uid === undefined) return { address };
  return { address, pod: { key: name, uid, nodeName, isOnHostNetwork: false } };
}
