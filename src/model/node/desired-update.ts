import type { ResourceBodies, ResourceKind } from './ir.ts';

/** Kubernetes kind → resourceVersion of the newest object that a state was computed from; perhaps an `epoch` too. */
export type Watermark = Readonly<Record<string, string>>;

/** Names a resource, perhaps of a kind that this version does not know. */
export interface AnyRef {
  readonly kind: string;
  readonly key: string;
}

export interface ResourceRef extends AnyRef {
  readonly kind: ResourceKind;
  readonly key: string;
}

/** A resource as a node is handed it: with the version that it then holds. */
export type VersionedResource = {
  readonly [K in ResourceKind]: {
    readonly kind: K;
    readonly key: string;
    readonly version: string;
    readonly body: ResourceBodies[K];
  };
}[ResourceKind];

/** Turns the set that the node holds at `fromVersion` into `toVersion`. No member is in both lists. */
export interface SetPatch {
  readonly key: string;
  readonly fromVersion: string;
  readonly toVersion: string;
  readonly add: readonly string[];
  readonly remove: readonly string[];
}

/** One step of a node's state. Order of application: upserts and patches by `RESOURCE_ORDER`, then removals. */
export interface NodeUpdate {
  readonly upserts: readonly VersionedResource[];
  readonly setPatches: readonly SetPatch[];
  readonly removals: readonly ResourceRef[];
  /** Nothing is lacking after this one: the first such update ends the node's initial state. */
  readonly complete: boolean;
  /** What the state behind this update was computed from; to be kept with it. */
  readonly watermark: Watermark;
}

/** A resource that could not be put into force; the node then holds what it held before. */
export interface ApplyError extends AnyRef {
  readonly message: string;
}

export interface HeldResource extends AnyRef {
  readonly version: string;
}

/** Unique over kinds: no kind contains a slash. */
export function refId({ kind, key }: AnyRef): string {
  return `${kind}/${key}`;
}
