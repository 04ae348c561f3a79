import type { Condition, KubeObject } from '../api/meta.ts';
import { renderTable } from './table.ts';

/** An object with conditions, as the API server lists it. */
export interface ConditionedObject extends KubeObject {
  readonly status?: { readonly conditions?: readonly Condition[]; readonly [field: string]: unknown };
  readonly spec?: Readonly<Record<string, unknown>>;
}

export interface ClusterView {
  /** NodeNetworks. */
  readonly nodes: readonly ConditionedObject[];
  readonly pools: readonly ConditionedObject[];
  readonly policies: readonly ConditionedObject[];
  readonly meshServices: readonly ConditionedObject[];
  readonly trafficSplits: readonly ConditionedObject[];
}

/** Nodes, pools, policies and services with what holds of each and why not. Pure. */
export function renderStatus(view: ClusterView): string {
  const nodes = view.nodes.map((node) => [
    node.metadata.name,
    conditionText(node, 'Ready'),
    conditionText(node, 'Applied'),
    conditionText(node, 'ForwardBlocked', 'False'),
    conditionText(node, 'ServicesRouted'),
    String(node.status?.['podMTU'] ?? '-'),
    [node.status?.['blocks'] ?? []].flat().join(' ') || '-',
  ]);
  const pools = view.pools.map((pool) => [
    pool.metadata.name,
    String(pool.spec?.['cidr']),
    String(pool.status?.['allocated'] ?? '-'),
    String(pool.status?.['capacity'] ?? '-'),
    conditionText(pool, 'Ready'),
  ]);
  return [
    section('Nodes', ['NODE', 'READY', 'APPLIED', 'FORWARD BLOCKED', 'SERVICES', 'POD MTU', 'BLOCKS'], nodes),
    section('Address pools', ['POOL', 'CIDR', 'ALLOCATED', 'CAPACITY', 'READY'], pools),
    section('Network policies', ['POLICY', 'ACCEPTED', 'PROGRAMMED'], programmed(view.policies)),
    section('Mesh services', ['SERVICE', 'ACCEPTED', 'PROGRAMMED'], programmed(view.meshServices)),
    section('Traffic splits', ['SPLIT', 'ACCEPTED', 'PROGRAMMED'], programmed(view.trafficSplits)),
  ].join('\n\n');
}

function programmed(objects: readonly ConditionedObject[]): string[][] {
  return objects.map((object) => [
    `${object.metadata.namespace ?? ''}/${object.metadata.name}`,
    conditionText(object, 'Accepted'),
    conditionText(object, 'Programmed'),
  ]);
}

/** The good status alone, or another with the reason and the message behind it. */
function conditionText({ status }: ConditionedObject, type: string, good: 'True' | 'False' = 'True'): string {
  const condition = status?.conditions?.find((candidate) => candidate.type === type);
  if (condition === undefined) return 'Unknown (not reported yet)';
  return condition.status === good ? good : `${condition.status} (${condition.reason}: ${condition.message})`;
}

function section(title: string, heading: readonly string[], rows: readonly (readonly string[])[]): string {
  return `${title}\n${rows.length === 0 ? 'none' : renderTable(heading, rows)}`;
}
