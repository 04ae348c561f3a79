/** A benchmark file exports one of these; `bench/run.ts` lists them. */
export interface Benchmark {
  readonly name: string;
  /** One line: what is measured against what. */
  readonly about: string;
  /** How long it takes on two cores, for people who wait: "2 min". */
  readonly estimate: string;
  run(): Promise<Report>;
}

export interface Report {
  readonly rows: readonly Row[];
  /** What a reader must know to believe the rows: set-up, versions, what was left out. One paragraph each. */
  readonly notes: readonly string[];
  /** Everything the rows were computed from; written beside the table. */
  readonly samples: unknown;
}

/** A line of the table; texts with units. */
export interface Row {
  readonly what: string;
  readonly measured: string;
  /** The named thing measured beside it, and its figure. */
  readonly baseline: string;
  /** measured / baseline, with its 95 % interval. */
  readonly ratio: string;
  /** The baseline against itself in the same run. */
  readonly noise: string;
  readonly goal: string;
  readonly isMet: boolean | undefined;
}
