import type { FoundInstance } from '../../model/mesh/found-instance.ts';
import { type EurekaInstance, foundInstance } from './instance.ts';

/** What is kept of an instance. */
interface Registered {
  /** UP, DOWN, STARTING, OUT_OF_SERVICE or UNKNOWN. */
  readonly status: string;
  readonly found: FoundInstance | undefined;
}

/** Id → instance. */
export type Registrations = ReadonlyMap<string, Registered>;

/** By name, in capitals. */
export type Applications = ReadonlyMap<string, Registrations>;

interface Answer {
  readonly apps__hashcode?: string;
  /** What is one is sometimes no list. */
  readonly application?: OneOrMore<{
    readonly name?: string;
    readonly instance?: OneOrMore<EurekaInstance>;
  }>;
}

type OneOrMore<T> = T | readonly T[];

/** @throws Error when it is no answer of a Eureka server. */
export function readAll(body: unknown): Applications {
  return apply(new Map(), answerIn(body));
}

/**
 * What the server has after a delta; undefined when something is missing in between, as the hash code of all shows:
 * then everything has to be asked for.
 *
 * @throws Error when it is no answer of a Eureka server.
 */
export function readDelta(before: Applications, body: unknown): Applications | undefined {
  const answer = answerIn(body);
  const after = apply(before, answer);
  return hashCodeOf(after) === answer.apps__hashcode ? after : undefined;
}

/** As Eureka counts: how many instances there are in each state. */
function hashCodeOf(applications: Applications): string {
  const counts = new Map<string, number>();
  for (const instances of applications.values()) {
    for (const { status } of instances.values()) counts.set(status, (counts.get(status) ?? 0) + 1);
  }
  return [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([status, count]) => `${status}_${count}_`)
    .join('');
}

function apply(before: Applications, answer: Answer): Applications {
  const after = new Map(before);
  for (const application of listOf(answer.application)) {
    const name = (application.name ?? '').toUpperCase();
    const instances = new Map(after.get(name));
    for (const instance of listOf(application.instance)) {
      const { instanceId, hostName = '', status = 'UNKNOWN', actionType } = instance;
      const id = instanceId ?? hostName;
      if (actionType === 'DELETED') instances.delete(id);
      else instances.set(id, { status, found: foundInstance(instance) });
    }
    if (instances.size > 0) after.set(name, instances);
    else after.delete(name);
  }
  return after;
}

function answerIn(body: unknown): Answer {
  const { applications } = (body ?? {}) as { readonly applications?: Answer };
  if (typeof applications !== 'object') throw new Error('the answer is not that of a Eureka server');
  return applications;
}

function listOf<T>(value: OneOrMore<T> | undefined): readonly T[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? (value as readonly T[]) : [value as T];
}
