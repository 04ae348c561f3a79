import { compile, type JSONSchema } from 'json-schema-to-typescript';
import type { CustomResource, Schema } from './generate-crds.ts';

const BANNER = '/** Made from crds/ by `npm run generate`; do not edit. */';

/** Where types come from that the schemas' titles name, and that Weft's code has a hand-written form of. */
const IMPORTED: Readonly<Record<string, string>> = {
  Condition: "import type { Condition, ObjectMeta } from '../meta.ts';",
  LabelSelector: "import type { LabelSelector } from '../kubernetes.ts';",
};

/**
 * The TypeScript module of one kind: read-only interfaces for the object, its spec, its status and every part of them
 * whose schema has a title. Fields with defaults stay optional: objects read offline may lack them.
 */
export async function renderTypes({ kind, schema }: CustomResource): Promise<string> {
  const text = await compile(bareObject(schema, kind) as JSONSchema, kind, {
    bannerComment: '',
    additionalProperties: false,
    ignoreMinAndMaxItems: true,
    unknownAny: true,
    style: { singleQuote: true, printWidth: 120 },
  });
  const imports = Object.entries(IMPORTED)
    .filter(([name]) => name === 'Condition' || new RegExp(`\\b${name}\\b`).test(text))
    .map(([, line]) => line.replace('Condition, ', /\bCondition\b/.test(text) ? 'Condition, ' : ''));
  return `${BANNER}\n${imports.sort().join('\n')}\n\n${readonly(text).trimStart()}`;
}

/** The root: what every Kubernetes object has, and a title for spec and status. */
function bareObject(schema: Schema, kind: string): Schema {
  const spec = schema.properties?.['spec'];
  const status = schema.properties?.['status'];
  const seen = new Map<Schema, Schema>();
  return {
    title: kind,
    type: 'object',
    description: schema.description,
    required: spec === undefined ? ['metadata'] : ['metadata', 'spec'],
    properties: {
      apiVersion: { tsType: 'string' },
      kind: { tsType: 'string' },
      metadata: { tsType: 'ObjectMeta' },
      ...(spec === undefined ? {} : { spec: bareSchema({ ...spec, title: `${kind}Spec` }, seen) }),
      ...(status === undefined ? {} : { status: bareSchema({ ...status, title: `${kind}Status` }, seen) }),
    },
  };
}

/** Only what shapes a type. A schema that stands in two places (a YAML alias) stays one object, so it gets one name. */
function bareSchema(schema: Schema, seen: Map<Schema, Schema>): Schema {
  const known = seen.get(schema);
  if (known !== undefined) return known;
  const { type, title, description, required, properties, items, additionalProperties } = schema;
  const bare: Schema = { description };
  seen.set(schema, bare);
  if (title !== undefined && title in IMPORTED) return Object.assign(bare, { tsType: title });
  if (additionalProperties?.type === 'string')
    return Object.assign(bare, { tsType: 'Readonly<Record<string, string>>' });
  return Object.assign(bare, {
    type,
    ...(title === undefined ? {} : { title }),
    ...(required === undefined ? {} : { required }),
    ...(schema.enum === undefined ? {} : { enum: schema.enum }),
    ...(items === undefined ? {} : { items: bareSchema(items, seen) }),
    ...(properties === undefined ? {} : { properties: mapValues(properties, (part) => bareSchema(part, seen)) }),
  });
}

/** Makes every property and every list of the printed interfaces read-only. */
function readonly(text: string): string {
  return text
    .replace(/^(\s+)(\w+\??: )/gm, '$1readonly $2')
    .replace(/^(\s+readonly \w+\??: )(.+\[\];)$/gm, '$1readonly $2');
}

function mapValues(
  record: Readonly<Record<string, Schema>>,
  change: (value: Schema) => Schema,
): Record<string, Schema> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}
