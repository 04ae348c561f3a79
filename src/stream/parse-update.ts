import type {
  AnyRef,
  ApplyError,
  NodeUpdate,
  ResourceRef,
  SetPatch,
  VersionedResource,
} from '../model/node/desired-update.ts';
import { RESOURCE_ORDER, type ResourceKind } from '../model/node/ir.ts';
import type { Resource, Update } from './generated/wire/weft/node/v1/node_pb.ts';

export interface ParsedUpdate {
  readonly update: NodeUpdate;
  /** What of it cannot be applied; the rest can. */
  readonly errors: readonly ApplyError[];
}

const KINDS: ReadonlySet<string> = new Set(RESOURCE_ORDER);

export function isResourceKind(kind: string): kind is ResourceKind {
  return KINDS.has(kind);
}

/** @param versionOf  what this node holds; undefined: nothing. */
export function parseUpdate(wire: Update, versionOf: (ref: AnyRef) => string | undefined): ParsedUpdate {
  const errors: ApplyError[] = [];
  const upserts = wire.upserts.flatMap((resource): VersionedResource[] => {
    const parsed = parseResource(resource);
    if (typeof parsed !== 'string') return [parsed];
    errors.push({ kind: resource.kind, key: resource.key, message: parsed });
    return [];
  });
  const setPatches = wire.setPatches.flatMap(({ key, fromVersion, toVersion, add, remove }): SetPatch[] => {
    const ref = { kind: 'addressSet', key };
    const held = versionOf(ref);
    if (held === fromVersion) return [{ key, fromVersion, toVersion, add, remove }];
    errors.push({ ...ref, message: `the patch is from ${fromVersion}, the node holds ${held ?? 'none'}` });
    return [];
  });
  const removals = wire.removals.flatMap(({ kind, key }): ResourceRef[] => {
    return isResourceKind(kind) ? [{ kind, key }] : [];
  });
  return {
    update: { upserts, setPatches, removals, complete: wire.syncDone, watermark: { ...wire.contents } },
    errors,
  };
}

/** Text: why the resource cannot be taken. */
function parseResource({ kind, key, version, body }: Resource): VersionedResource | string {
  if (!isResourceKind(kind)) return `this agent does not know the kind '${kind}'; it is older than the operator`;
  try {
    return { kind, key, version, body: JSON.parse(new TextDecoder().decode(body)) } as VersionedResource;
  } catch (error) {
    return `the body is no JSON: ${error instanceof Error ? error.message : String(error)}`;
  }
}
