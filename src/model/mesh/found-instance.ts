import type { MeshServiceSource, MeshServiceSubset } from '../../api/generated/meshservice.ts';

/** What a registry has under the name that a source gives. */
export interface FoundInstance {
  readonly address: string;
  /** Where it says that it listens. */
  readonly port?: number;
  readonly weight?: number;
  readonly zone?: string;
  /** All that it says of itself. */
  readonly labels: Readonly<Record<string, string>>;
}

export interface FoundInstances {
  /** Those to call. */
  readonly instances: readonly FoundInstance[];
  /** With those that are registered and not to be called. */
  readonly known: number;
}

export interface SourceState {
  /** What was found last; absent: it never was. */
  readonly found?: FoundInstances;
  /** Why there may be something else by now. */
  readonly problem?: string;
}

/** What is looked for, as people read it. Undefined: what has no registry. */
export function soughtBy({ eureka, consul }: MeshServiceSource): string | undefined {
  if (eureka !== undefined) return `Eureka application ${eureka.application.toUpperCase()}`;
  if (consul === undefined) return undefined;
  const { service, datacenter, tags = [] } = consul;
  const where = datacenter === undefined ? '' : ` in ${datacenter}`;
  const tagged = tags.length === 0 ? '' : ` with ${[...tags].sort().join(', ')}`;
  return `Consul service ${service}${where}${tagged}`;
}

/** More would not fit into an object. */
const MOST_ENDPOINTS = 1000;
const MOST_LABELS = 64;
const LONGEST_LABEL = 1024;

/**
 * What is found, as the status keeps it. Of what instances say of themselves only what subsets look at: the rest is
 * nobody's business, and has been known to hold passwords.
 */
export function keptEndpoints({ instances }: FoundInstances, subsets: readonly MeshServiceSubset[] = []) {
  const keys = [...new Set(subsets.flatMap(({ labels }) => Object.keys(labels)))].sort().slice(0, MOST_LABELS);
  return instances.slice(0, MOST_ENDPOINTS).map(({ labels, ...endpoint }) => {
    const kept = keys.flatMap((key) => {
      const text = labels[key];
      return text === undefined || text.length > LONGEST_LABEL ? [] : [[key, text]];
    });
    return kept.length === 0 ? endpoint : { ...endpoint, labels: Object.fromEntries(kept) as Record<string, string> };
  });
}
