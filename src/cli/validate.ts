import { Ajv, type ErrorObject } from 'ajv';
import { parseAllDocuments } from 'yaml';
import { SCHEMAS } from '../api/generated/schemas.ts';

/** What is wrong with one object of a manifest; `line` counts from 1. */
export interface Finding {
  readonly line: number;
  readonly object: string;
  readonly path: string;
  readonly message: string;
}

export interface ValidationReport {
  readonly checked: number;
  /** Objects of kinds that are not Weft's. */
  readonly skipped: number;
  readonly findings: readonly Finding[];
}

/** Keywords of Kubernetes' structural schemas; CEL rules among them, which only the API server evaluates. */
const KUBERNETES_KEYWORDS = [
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-map-type',
  'x-kubernetes-validations',
  'x-kubernetes-int-or-string',
  'x-kubernetes-preserve-unknown-fields',
];

/** Checks the Weft objects of a YAML text against the CRDs' schemas, without a cluster. */
export function validateManifests(text: string): ValidationReport {
  const ajv = new Ajv({
    allErrors: true,
    strict: false,
    keywords: KUBERNETES_KEYWORDS,
    formats: { int32: true, int64: true, 'date-time': true },
  });
  const findings: Finding[] = [];
  let checked = 0;
  let skipped = 0;
  for (const document of parseAllDocuments(text)) {
    const line = lineOf(text, document.contents?.range?.[0] ?? document.range?.[0] ?? 0);
    for (const error of document.errors) {
      findings.push({
        line: lineOf(text, error.pos[0]),
        object: 'document',
        path: '',
        message: error.message.split('\n')[0] ?? '',
      });
    }
    const object: unknown = document.errors.length > 0 ? undefined : document.toJS();
    if (typeof object !== 'object' || object === null) continue;
    const { apiVersion, kind, metadata } = object as {
      apiVersion?: string;
      kind?: string;
      metadata?: { name?: string };
    };
    const schema = apiVersion === 'weft.dev/v1alpha1' ? SCHEMAS[kind as keyof typeof SCHEMAS] : undefined;
    if (schema === undefined) {
      skipped += 1;
      continue;
    }
    checked += 1;
    const validate = ajv.compile(schema);
    if (validate(object)) continue;
    const name = `${kind} ${metadata?.name ?? '(without a name)'}`;
    findings.push(...(validate.errors ?? []).map((error) => ({ line, object: name, ...findingOf(error) })));
  }
  return { checked, skipped, findings };
}

function findingOf({ instancePath, message = 'is not valid', params, keyword }: ErrorObject): {
  path: string;
  message: string;
} {
  const path = instancePath
    .slice(1)
    .replaceAll(/\/(\d+)/g, '[$1]')
    .replaceAll('/', '.');
  if (keyword === 'additionalProperties')
    return { path, message: `must not have field '${String(params['additionalProperty'])}'` };
  if (keyword === 'enum')
    return { path, message: `must be one of ${(params['allowedValues'] as unknown[]).join(', ')}` };
  return { path, message };
}

function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}
