import path from 'node:path';
import { STATE } from '../setup/paths.ts';

/** One lab cluster: its names and addresses. Two clusters on one machine differ in `name` and `subnet`. */
export interface ClusterConfig {
  readonly name: string;
  /** First three octets of the underlay; the machine is .1, nodes are .11 and up. */
  readonly subnet: string;
  readonly nodes: readonly string[];
}

export const DEMO_CLUSTER: ClusterConfig = { name: 'demo', subnet: '172.30.0', nodes: ['node-1', 'node-2'] };
export const TEST_CLUSTER: ClusterConfig = { name: 'test', subnet: '172.30.1', nodes: ['node-1', 'node-2'] };

export const SERVICE_CIDR = '10.96.0.0/16';
export const CLUSTER_DNS = '10.96.0.10';
export const API_PORT = 6443;

export function stateOf({ name }: ClusterConfig): string {
  return path.join(STATE, name);
}

export function apiAddress({ subnet }: ClusterConfig): string {
  return `${subnet}.1`;
}

export function nodeAddress({ subnet, nodes }: ClusterConfig, node: string): string {
  return `${subnet}.${11 + nodes.indexOf(node)}`;
}

/** Of a node's network namespace, under /run/netns. */
export function netnsOf({ name }: ClusterConfig, node: string): string {
  return `weft-lab-${name}-${node}`;
}

/** Of the namespace with the bridge that joins the nodes. */
export function switchOf({ name }: ClusterConfig): string {
  return `weft-lab-${name}-switch`;
}

/** The machine's end of its link to the switch: at most 15 characters. */
export function machineLink({ name }: ClusterConfig): string {
  return `wlab-${name}`.slice(0, 15);
}

export function kubeconfigOf(config: ClusterConfig): string {
  return path.join(stateOf(config), 'kubeconfig');
}
