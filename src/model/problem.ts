/** A user's mistake, as data: it becomes a condition, never an exception. */
export interface Problem {
  /** Field path into the object, for example `spec.rules[0].backends[1].service`. */
  readonly path: string;
  /** CamelCase, one of `api/reasons.ts`. */
  readonly reason: string;
  /** A sentence that says what must change. */
  readonly message: string;
}

/** What a translation yields: always a usable value, and the mistakes met on the way. */
export interface Translation<T> {
  readonly value: T;
  readonly problems: readonly Problem[];
}
