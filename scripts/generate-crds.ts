import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';

/** The part of an OpenAPI v3 structural schema that the generators read. */
export interface Schema {
  readonly [keyword: string]: unknown;
  readonly type?: string;
  readonly title?: string;
  readonly description?: string | undefined;
  readonly required?: readonly string[];
  readonly enum?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema;
}

export interface CustomResource {
  /** Name of the file in `crds/`. */
  readonly file: string;
  /** The file's text. */
  readonly text: string;
  readonly kind: string;
  readonly schema: Schema;
}

interface Definition {
  readonly spec: {
    readonly names: { readonly kind: string };
    readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: Schema } }[];
  };
}

/** Every file of `crds/`, sorted by name. A YAML alias becomes the same object in each place. */
export function readCustomResources(root: string): CustomResource[] {
  const folder = path.join(root, 'crds');
  const files = readdirSync(folder).filter((file) => file.endsWith('.yaml'));
  return files.sort().map((file): CustomResource => {
    const text = readFileSync(path.join(folder, file), 'utf8');
    const { spec } = parse(text) as Definition;
    const [version, ...more] = spec.versions;
    if (version === undefined || more.length > 0) throw new Error(`crds/${file} must have exactly one version`);
    return { file, text, kind: spec.names.kind, schema: version.schema.openAPIV3Schema };
  });
}
