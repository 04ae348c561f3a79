import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { SCHEMAS } from '../src/api/generated/schemas.ts';
import { WEFT_API_VERSION, WEFT_GROUP, WEFT_KINDS, WEFT_VERSION, type WeftKindName } from '../src/api/kinds.ts';
import { parseManifests } from './support/manifests.ts';

const ROOT = path.resolve(import.meta.dirname, '..');

interface Schema {
  readonly [keyword: string]: unknown;
  readonly type: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema;
}

interface Definition {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly group: string;
    readonly scope: string;
    readonly names: {
      readonly kind: WeftKindName;
      readonly plural: string;
      readonly shortNames: string[];
      readonly categories: string[];
    };
    readonly versions: readonly {
      readonly name: string;
      readonly subresources?: { readonly status?: object };
      readonly additionalPrinterColumns: readonly { readonly name: string; readonly priority?: number }[];
      readonly schema: { readonly openAPIV3Schema: Schema };
    }[];
  };
}

const DEFINITIONS = readdirSync(path.join(ROOT, 'crds')).map((file): [string, Definition] => {
  const definition = parse(readFileSync(path.join(ROOT, 'crds', file), 'utf8')) as Definition;
  return [definition.spec.names.kind, definition];
});

/** Every schema of a kind with its field path, the parts of lists and maps included. */
function schemasOf({ spec }: Definition): [string, Schema][] {
  const walk = (at: string, schema: Schema): [string, Schema][] => [
    [at, schema],
    ...Object.entries(schema.properties ?? {}).flatMap(([name, part]) => walk(`${at}.${name}`, part)),
    ...(schema.items === undefined ? [] : walk(`${at}[]`, schema.items)),
    ...(schema.additionalProperties === undefined ? [] : walk(`${at}{}`, schema.additionalProperties)),
  ];
  const root = spec.versions[0]?.schema.openAPIV3Schema;
  return ['spec', 'status'].flatMap((name) => {
    const part = root?.properties?.[name];
    return part === undefined ? [] : walk(name, part);
  });
}

/** Field paths whose schema lacks what `has` asks for. */
function lacking(definition: Definition, type: string, has: (schema: Schema, path: string) => boolean): string[] {
  return schemasOf(definition).flatMap(([at, schema]) => (schema.type !== type || has(schema, at) ? [] : [at]));
}

describe.each(DEFINITIONS)('the CRD of %s', (kind, definition) => {
  const { spec } = definition;
  const version = spec.versions[0];

  test('is named as the code names it', () => {
    const { plural, shortName, namespaced } = WEFT_KINDS[spec.names.kind];
    expect(definition.metadata.name).toBe(`${plural}.${WEFT_GROUP}`);
    expect(spec.names).toMatchObject({ plural, shortNames: [shortName], categories: ['weft'] });
    expect(spec.scope).toBe(namespaced ? 'Namespaced' : 'Cluster');
    expect(spec.versions.map(({ name }) => name)).toEqual([WEFT_VERSION]);
  });

  test('has the status subresource exactly when it has a status', () => {
    const hasStatus = version?.schema.openAPIV3Schema.properties?.['status'] !== undefined;
    expect(version?.subresources?.status !== undefined).toBe(hasStatus);
  });

  test('shows at most five columns, the last of which is its age', () => {
    const columns = version?.additionalPrinterColumns.filter(({ priority = 0 }) => priority === 0) ?? [];
    expect(columns.length).toBeLessThanOrEqual(5);
    expect(columns.at(-1)?.name).toBe('Age');
  });

  test('bounds every string', () => {
    expect(lacking(definition, 'string', (schema) => 'maxLength' in schema || 'enum' in schema)).toEqual([]);
  });

  test('bounds every list and says how it merges', () => {
    expect(
      lacking(definition, 'array', (schema) => 'maxItems' in schema && 'x-kubernetes-list-type' in schema),
    ).toEqual([]);
  });

  test('bounds every number: from below, and in spec from above too', () => {
    const isBounded = (schema: Schema, at: string) =>
      'minimum' in schema && (at.startsWith('status') || 'maximum' in schema);
    expect(lacking(definition, 'integer', isBounded)).toEqual([]);
  });

  test('bounds every map', () => {
    expect(
      lacking(definition, 'object', (schema) => schema.additionalProperties === undefined || 'maxProperties' in schema),
    ).toEqual([]);
  });

  test('explains every field', () => {
    const silent = schemasOf(definition).filter(
      ([at, schema]) => !/(\[\]|\{\})$/.test(at) && !('description' in schema),
    );
    expect(silent.map(([at]) => at)).toEqual([]);
  });

  test('is structural: no keyword that the API server refuses', () => {
    const refused = ['$ref', 'definitions', 'patternProperties', 'uniqueItems', 'dependencies', 'nullable'];
    const found = schemasOf(definition).flatMap(([at, schema]) =>
      refused.filter((word) => word in schema).map((word) => `${at} ${word}`),
    );
    expect(found).toEqual([]);
  });

  test('every rule has a message of its own', () => {
    const rules = schemasOf(definition).flatMap(
      ([, schema]) => (schema['x-kubernetes-validations'] ?? []) as { message?: string }[],
    );
    expect(rules.filter(({ message }) => message === undefined || message === '')).toEqual([]);
  });

  test('has types and a schema made from it', () => {
    expect(SCHEMAS[kind]).toBeDefined();
    expect(readFileSync(path.join(ROOT, `src/api/generated/${kind.toLowerCase()}.ts`), 'utf8')).toContain(
      `export interface ${kind} {`,
    );
  });
});

test('every kind of the code has its CRD', () => {
  expect(DEFINITIONS.map(([kind]) => kind).sort()).toEqual(Object.keys(WEFT_KINDS).sort());
});

describe('the schemas for use without an API server', () => {
  const ajv = new Ajv({ allErrors: true });
  const validators = new Map(Object.entries(SCHEMAS).map(([kind, schema]) => [kind, ajv.compile(schema)]));

  function faults(kind: string, object: unknown): string[] {
    const validate = validators.get(kind);
    if (validate === undefined) throw new Error(`no schema of ${kind}`);
    return validate(object)
      ? []
      : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message ?? ''}`);
  }

  const examples = readdirSync(path.join(ROOT, 'examples')).flatMap((file) =>
    parseManifests(readFileSync(path.join(ROOT, 'examples', file), 'utf8'))
      .filter(({ apiVersion }) => apiVersion === WEFT_API_VERSION)
      .map((object): [string, string, unknown] => [file, object.kind ?? '', object]),
  );

  test.each(examples)('accept what examples/%s says of %s', (_, kind, object) => {
    expect(faults(kind, object)).toEqual([]);
  });

  test('are tried with every kind that people write', () => {
    expect(new Set(examples.map(([, kind]) => kind))).toEqual(
      new Set(['BGPConfiguration', 'BGPPeer', 'IPPool', 'MeshService', 'NetworkPolicy', 'TrafficSplit']),
    );
  });

  const source = { service: { name: 'web' } };
  const ports = [{ port: 80, protocol: 'HTTP' }];
  const rule = { backends: [{ weight: 1 }] };
  const split = { service: 'web', port: 80 };
  const wrong: readonly (readonly [string, string, object, string])[] = [
    ['a range that is missing', 'IPPool', {}, '/spec'],
    ['blocks that are too small', 'IPPool', { cidr: '10.0.0.0/16', blockSize: 127 }, '/spec/blockSize'],
    ['a field that does not exist', 'IPPool', { cidr: '10.0.0.0/16', blocksize: 26 }, '/spec'],
    ['an AS number that cannot be', 'BGPConfiguration', { asNumber: 0 }, '/spec/asNumber'],
    ['a port out of bounds', 'BGPPeer', { peerAddress: '192.0.2.1', asNumber: 1, port: 65536 }, '/spec/port'],
    ['an action that does not exist', 'NetworkPolicy', { ingress: [{ action: 'Drop' }] }, '/spec/ingress/0/action'],
    ['a priority out of bounds', 'NetworkPolicy', { priority: 1001, ingress: [] }, '/spec/priority'],
    [
      'a label that cannot be',
      'NetworkPolicy',
      { podSelector: { matchLabels: { a: 'b c' } }, ingress: [] },
      '/spec/podSelector/matchLabels/a',
    ],
    ['no ports', 'MeshService', { source, ports: [] }, '/spec/ports'],
    [
      'a subset without labels',
      'MeshService',
      { source, ports, subsets: [{ name: 'v1', labels: {} }] },
      '/spec/subsets/0/labels',
    ],
    ['too many tries', 'MeshService', { source, ports, retry: { attempts: 11 } }, '/spec/retry/attempts'],
    ['a port out of bounds', 'TrafficSplit', { ...split, port: 0, rules: [rule] }, '/spec/port'],
    ['a rule without backends', 'TrafficSplit', { ...split, rules: [{ backends: [] }] }, '/spec/rules/0/backends'],
    [
      'a weight out of bounds',
      'TrafficSplit',
      { ...split, rules: [{ backends: [{ weight: 1_000_001 }] }] },
      '/spec/rules/0/backends/0/weight',
    ],
    [
      'a path that does not begin with a slash',
      'TrafficSplit',
      { ...split, rules: [{ ...rule, matches: [{ path: { type: 'Exact', value: 'a' } }] }] },
      '/spec/rules/0/matches/0/path/value',
    ],
  ];

  test.each(wrong)('refuse %s in %s', (_, kind, spec, at) => {
    const found = faults(kind, { apiVersion: WEFT_API_VERSION, kind, metadata: { name: 'x' }, spec });
    expect(found).toHaveLength(1);
    expect(found[0]?.split(' ')[0]).toBe(at);
  });
});
