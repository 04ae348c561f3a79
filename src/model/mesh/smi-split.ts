import type { TrafficSplit, TrafficSplitMatch, TrafficSplitRule } from '../../api/generated/trafficsplit.ts';
import type { Service } from '../../api/kubernetes.ts';
import type { HTTPRouteGroup, SmiTrafficSplit } from '../../api/smi.ts';
import { meshPortsOf } from './protocol.ts';

export interface SmiIndex {
  service(key: string): Service | undefined;
  routeGroup(key: string): HTTPRouteGroup | undefined;
}

const SMI_SPLIT = 'split.smi-spec.io/v1alpha4';

type Backends = NonNullable<TrafficSplitRule['backends']>;
type Method = NonNullable<TrafficSplitMatch['method']>;

const METHODS: readonly Method[] = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'];

/** Key of the root service; that of another namespace is not the split's to route. */
export function smiServiceKey(split: SmiTrafficSplit): string {
  const [name = '', namespace] = split.spec.service.split('.');
  return `${namespace ?? namespaceOf(split)}/${name}`;
}

/**
 * The same as TrafficSplits of Weft's: one for each TCP port of the root service, as SMI speaks of services as a whole.
 * Calls that no match is for go to the root service. A group that is not there matches nothing.
 */
export function trafficSplitsOfSmi(index: SmiIndex, split: SmiTrafficSplit): readonly TrafficSplit[] {
  const { metadata, spec } = split;
  const serviceKey = smiServiceKey(split);
  const service = index.service(serviceKey);
  if (service === undefined || !serviceKey.startsWith(`${namespaceOf(split)}/`)) return [];
  const backends = (spec.backends ?? []).map(({ service: name, weight = 0 }) => ({ service: shortName(name), weight }));
  const rules = rulesOf(index, split, backends);
  if (rules.length === 0) return [];
  return meshPortsOf(service).map(({ port }) => ({
    apiVersion: SMI_SPLIT,
    kind: 'TrafficSplit',
    metadata: { ...metadata, name: smiName(metadata.name) },
    spec: { service: service.metadata.name, port, rules },
  }));
}

/** Whether it is one of `trafficSplitsOfSmi`. */
export function isOfSmi({ apiVersion }: TrafficSplit): boolean {
  return apiVersion === SMI_SPLIT;
}

/** Beside a TrafficSplit of Weft's of the same name. */
function smiName(name: string): string {
  return `${name} (split.smi-spec.io)`;
}

function rulesOf(index: SmiIndex, split: SmiTrafficSplit, backends: Backends): readonly TrafficSplitRule[] {
  if (backends.every(({ weight }) => weight === 0)) return [];
  const { matches } = split.spec;
  if (matches === undefined || matches.length === 0) return [{ backends }];
  const translated = matches.flatMap(({ name }) =>
    (index.routeGroup(`${namespaceOf(split)}/${name}`)?.spec.matches ?? []).flatMap(matchesOf),
  );
  return translated.length === 0 ? [] : [{ matches: translated, backends }];
}

/** One for each method, as a TrafficSplit's match has one. */
function matchesOf({
  pathRegex,
  methods = [],
  headers = [],
}: NonNullable<HTTPRouteGroup['spec']['matches']>[number]): readonly TrafficSplitMatch[] {
  const all = [headers].flat().flatMap((each) => Object.entries(each));
  const match: TrafficSplitMatch = {
    ...(pathRegex === undefined ? {} : { path: { type: 'Regex', value: pathRegex } }),
    ...(all.length === 0 ? {} : { headers: all.map(([name, value]) => ({ name, type: 'Regex', value })) }),
  };
  if (methods.length === 0 || methods.includes('*')) return [match];
  return METHODS.filter((method) => methods.includes(method)).map((method) => ({ ...match, method }));
}

function namespaceOf({ metadata }: SmiTrafficSplit): string {
  return metadata.namespace ?? 'default';
}

function shortName(service: string): string {
  return service.split('.')[0] ?? service;
}
