import type { CustomResource, Schema } from './generate-crds.ts';

/** What JSON Schema and Kubernetes' structural schemas share. CEL rules run in the API server only. */
const SHARED_KEYWORDS = [
  'type',
  'required',
  'enum',
  'default',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'pattern',
  'minItems',
  'maxItems',
  'minProperties',
  'maxProperties',
];

/**
 * The module of JSON Schemas by kind, for checks without an API server. Unlike the API server, which drops unknown
 * fields, they refuse these, as `kubectl apply` does.
 */
export function renderSchemas(resources: readonly CustomResource[]): string {
  const schemas = Object.fromEntries(resources.map(({ kind, schema }) => [kind, rootSchema(schema)]));
  return `/** Made from crds/ by \`npm run generate\`; do not edit. CEL rules are not in here: the API server checks those. */
export const SCHEMAS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = ${JSON.stringify(schemas, null, 2)};
`;
}

function rootSchema({ properties, ...root }: Schema): Readonly<Record<string, unknown>> {
  return {
    ...plainSchema(root),
    required: ['apiVersion', 'kind', 'metadata', ...(root.required ?? [])],
    additionalProperties: false,
    properties: {
      ...plainProperties(properties),
      metadata: { type: 'object', required: ['name'], properties: { name: { type: 'string' } } },
    },
  };
}

function plainSchema(schema: Schema): Readonly<Record<string, unknown>> {
  const { properties, items, additionalProperties } = schema;
  const shared = SHARED_KEYWORDS.filter((keyword) => keyword in schema);
  return {
    ...Object.fromEntries(shared.map((keyword): [string, unknown] => [keyword, schema[keyword]])),
    ...(items === undefined ? {} : { items: plainSchema(items) }),
    ...(additionalProperties === undefined ? {} : { additionalProperties: plainSchema(additionalProperties) }),
    ...(properties === undefined ? {} : { additionalProperties: false, properties: plainProperties(properties) }),
  };
}

function plainProperties(properties: Schema['properties']): Readonly<Record<string, unknown>> {
  const entries = Object.entries(properties ?? {});
  return Object.fromEntries(entries.map(([name, part]): [string, unknown] => [name, plainSchema(part)]));
}
