import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { ROOT } from '../../lab/setup/paths.ts';

/** The parts of a CRD's schema that the tests read. */
export interface Schema {
  readonly type: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema;
  readonly required?: readonly string[];
  readonly 'x-kubernetes-validations'?: readonly { readonly rule: string; readonly message: string }[];
  readonly 'x-kubernetes-list-type'?: string;
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly [keyword: string]: unknown;
}

export interface Definition {
  readonly kind: string;
  readonly plural: string;
  readonly schema: Schema;
  readonly columns: readonly { readonly name: string; readonly priority?: number }[];
}

/** One way to break a good object by one rule of the schema. */
export interface Break {
  /** As the API server writes it: `spec.ports[0].port`. */
  readonly field: string;
  /** The schema's word, and its limit where there is one: `maximum 65535`. */
  readonly rule: string;
  /** What the refusal must say beside the field: the limit, the values that may be. */
  readonly says: string;
  /** The good object with this one thing wrong. */
  readonly broken: object;
}

type Steps = readonly (string | number)[];

export const DEFINITIONS: readonly Definition[] = readdirSync(path.join(ROOT, 'crds')).map((file) => {
  const { spec } = parse(readFileSync(path.join(ROOT, 'crds', file), 'utf8'));
  const [version] = spec.versions;
  const { openAPIV3Schema: schema } = version.schema;
  return { kind: spec.names.kind, plural: spec.names.plural, schema, columns: version.additionalPrinterColumns };
});

/** Every breach of a schema's own rules (not CEL, not patterns) that the fields of the good objects can be given. */
export function breaks(schema: Schema, goods: readonly object[], part: 'spec' | 'status'): Break[] {
  const at = schema.properties?.[part];
  const all = at === undefined ? [] : goods.flatMap((good) => walk(at, [part], good));
  return [...new Map(all.map((one) => [`${one.field} ${one.rule}`, one])).values()];
}

/** Fields of the schema that `good` lacks. */
export function missing(schema: Schema, good: unknown, at: string): string[] {
  if (good === undefined) return [at];
  const named = Object.entries(schema.properties ?? {}).flatMap(([name, inner]) =>
    missing(inner, (good as Record<string, unknown>)[name], `${at}.${name}`),
  );
  return schema.items === undefined ? named : [...named, ...missing(schema.items, (good as unknown[])[0], `${at}[0]`)];
}

/** The messages of all CEL rules. */
export function celMessages(schema: Schema): string[] {
  return [
    ...(schema['x-kubernetes-validations'] ?? []).map(({ message }) => message),
    ...Object.values(schema.properties ?? {}).flatMap(celMessages),
    ...(schema.items === undefined ? [] : celMessages(schema.items)),
  ];
}

/** Paths of everything that has fields, as `kubectl explain` takes them: `spec.ports.tls`. */
export function objectPaths(schema: Schema, at = ''): string[] {
  const inner = Object.entries(schema.properties ?? {}).flatMap(([name, field]) =>
    objectPaths(field.items ?? field, at === '' ? name : `${at}.${name}`),
  );
  return schema.properties === undefined ? [] : [at, ...inner];
}

function walk(schema: Schema, at: Steps, good: object): Break[] {
  if (valueAt(good, at) === undefined) return [];
  const found = ownBreaks(schema, at, good);
  for (const [name, inner] of Object.entries(schema.properties ?? {})) found.push(...walk(inner, [...at, name], good));
  if (schema.items !== undefined) found.push(...walk(schema.items, [...at, 0], good));
  return found;
}

function ownBreaks(schema: Schema, at: Steps, good: object): Break[] {
  const field = render(at);
  const list: Break[] = [];
  const add = (rule: string, says: string, broken: object, where = field) =>
    list.push({ field: where, rule, says, broken });
  const set = (rule: string, says: string, value: unknown) => add(rule, says, replaced(good, at, value));
  const value = valueAt(good, at);

  set('type', `must be of type ${schema['format'] === 'date-time' ? 'date-time' : schema.type}`, wrongFor(schema));
  for (const name of schema.required ?? []) {
    add(`required ${name}`, 'Required value', replaced(good, [...at, name], undefined), `${field}.${name}`);
  }
  if (schema['enum'] !== undefined) {
    const values = schema['enum'] as string[];
    set(`enum ${values}`, `supported values: ${values.map((one) => `"${one}"`).join(', ')}`, 'Nonsense');
  }
  const { minimum, maximum, minLength, maxLength, minItems, maxItems, minProperties, maxProperties } = schema;
  if (typeof minimum === 'number') set(`minimum ${minimum}`, `greater than or equal to ${minimum}`, minimum - 1);
  if (typeof maximum === 'number') set(`maximum ${maximum}`, `less than or equal to ${maximum}`, maximum + 1);
  if (typeof minLength === 'number') set(`minLength ${minLength}`, `at least ${minLength} chars long`, '');
  if (typeof maxLength === 'number') {
    set(`maxLength ${maxLength}`, `more than ${maxLength} bytes`, 'a'.repeat(maxLength + 1));
  }
  if (typeof minItems === 'number') set(`minItems ${minItems}`, `at least ${minItems} items`, []);
  if (typeof maxItems === 'number') {
    const items = Array.from({ length: maxItems + 1 }, () => (value as unknown[])[0]);
    set(`maxItems ${maxItems}`, `at most ${maxItems} items`, items);
  }
  if (typeof minProperties === 'number') set(`minProperties ${minProperties}`, `at least ${minProperties}`, {});
  if (typeof maxProperties === 'number') {
    const entries = Array.from({ length: maxProperties + 1 }, (_, index) => [`label-${index}`, 'x']);
    set(`maxProperties ${maxProperties}`, `at most ${maxProperties} items`, Object.fromEntries(entries));
  }
  if (['map', 'set'].includes(schema['x-kubernetes-list-type'] ?? '')) {
    const [first] = value as unknown[];
    add('duplicate', 'Duplicate value', replaced(good, at, [first, first]), `${field}[1]`);
  }
  return list;
}

function wrongFor({ type }: Schema): unknown {
  return type === 'string' ? 7 : 'wrong';
}

function render(at: Steps): string {
  return at.map((step, index) => (typeof step === 'number' ? `[${step}]` : index === 0 ? step : `.${step}`)).join('');
}

function valueAt(value: unknown, at: Steps): unknown {
  return at.reduce((inner, step) => (inner as Record<string | number, unknown>)[step], value);
}

/** A copy with `value` at the place; undefined takes the field out. */
export function replaced(object: object, at: Steps, value: unknown): object {
  const copy = structuredClone(object);
  const last = at.at(-1) ?? '';
  const holder = valueAt(copy, at.slice(0, -1)) as Record<string | number, unknown>;
  if (value === undefined) delete holder[last];
  else holder[last] = value;
  return copy;
}
