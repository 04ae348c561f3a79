import type { IPBlock } from '../../../src/api/generated/ipblock.ts';
import type { IPPool } from '../../../src/api/generated/ippool.ts';
import type { Node, Pod } from '../../../src/api/kubernetes.ts';
import type { AddressFacts } from '../../../src/model/ipam/address-facts.ts';
import type { AttachmentInspection, NodeInspection } from '../../../src/model/ipam/inspection.ts';
import { blockName } from '../../../src/model/node/names.ts';

export const POOL: IPPool = {
  metadata: { name: 'main', uid: 'pool-1' },
  spec: { cidr: '10.42.0.0/24', reserved: ['10.42.0.8/31'] },
  status: { capacity: 4 * 63 - 2, allocated: 2, blocks: 2, conditions: [] },
};

export function node(name: string, uid = `uid-${name}`): Node {
  return { metadata: { name, uid } };
}

export function block(cidr: string, nodeName: string, more: Partial<IPBlock['spec']> = {}): IPBlock {
  return {
    metadata: { name: blockName(cidr), uid: `uid of ${cidr}` },
    spec: { cidr, poolName: 'main', poolUid: 'pool-1', nodeName, nodeUid: `uid-${nodeName}`, ...more },
  };
}

export function pod(name: string, nodeName: string, ips: readonly string[], more: object = {}): Pod {
  return {
    metadata: { name, namespace: 'shop', uid: `uid-${name}`, ...more },
    spec: { nodeName, containers: [] },
    status: { phase: 'Running', podIPs: ips.map((ip) => ({ ip })) },
  };
}

export function lease(name: string, addresses: readonly string[], more: Partial<AttachmentInspection> = {}) {
  const known = { podUid: `uid-${name}`, containerId: `sandbox-${name}`, ifname: 'eth0', addresses };
  return { ...known, hostInterface: `weft-${name}`, isAlive: true, faults: [], ...more };
}

export function inspection(blocks: readonly string[], more: Partial<NodeInspection> = {}): NodeInspection {
  return { blocks, lent: [], attachments: [], resting: [], strayLinks: [], strayRoutes: [], ...more };
}

/** Two nodes with a block and a pod each, and nothing to be found; with what a test changes. */
export function world(changes: Partial<AddressFacts> = {}): AddressFacts {
  return {
    pools: [POOL],
    nodes: [node('n1'), node('n2')],
    blocks: [block('10.42.0.0/26', 'n1'), block('10.42.0.64/26', 'n2')],
    pods: [pod('web', 'n1', ['10.42.0.5']), pod('db', 'n2', ['10.42.0.70'])],
    inspections: new Map([
      ['n1', inspection(['10.42.0.0/26'], { attachments: [lease('web', ['10.42.0.5'])] })],
      ['n2', inspection(['10.42.0.64/26'], { attachments: [lease('db', ['10.42.0.70'])] })],
    ]),
    quarantinedMs: new Map(),
    ...changes,
  };
}

/** The world where node n1 says something else. */
export function whereFirstSays(more: Partial<NodeInspection>, changes: Partial<AddressFacts> = {}): AddressFacts {
  const facts = world(changes);
  const first = inspection(['10.42.0.0/26'], { attachments: [lease('web', ['10.42.0.5'])], ...more });
  return { ...facts, inspections: new Map([...facts.inspections, ['n1', first]]) };
}
