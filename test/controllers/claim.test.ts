import { beforeEach, describe, expect, test } from '@jest/globals';
import type { IPBlock } from '../../src/api/generated/ipblock.ts';
import type { IPPool } from '../../src/api/generated/ippool.ts';
import type { Node, ServiceCIDR } from '../../src/api/kubernetes.ts';
import { BlockClaimer, type BlockRequest } from '../../src/controllers/ippool/claim.ts';
import type { KubeApi } from '../../src/kube/client.ts';
import { Store } from '../../src/kube/store.ts';
import { blockName } from '../../src/model/node/names.ts';
import { silentLog } from '../kube-room/fake-clock.ts';

let blocks: Store<IPBlock>;
let claimer: BlockClaimer;

beforeEach(() => {
  const pools = new Store<IPPool>();
  const nodes = new Store<Node>();
  blocks = new Store();
  const serviceCidrs = new Store<ServiceCIDR>();
  serviceCidrs.replace([], '1');
  const status = {
    conditions: [{ type: 'Ready', status: 'True' as const, reason: 'x', message: '', lastTransitionTime: 't' }],
  };
  const four: IPPool = { metadata: { name: 'four', uid: 'p4' }, spec: { cidr: '10.0.0.0/24' }, status };
  const six: IPPool = { metadata: { name: 'six', uid: 'p6' }, spec: { cidr: 'fd00::/120' }, status };
  pools.replace([four, six], '1');
  nodes.replace([{ metadata: { name: 'n1', uid: 'u1' } }], '1');
  blocks.replace([block('10.0.0.0/26', 'four'), block('fd00::40/122', 'six')], '1');
  // Nothing here may come to ask the API server.
  const api = { request: () => Promise.reject(new Error('asked')) } as unknown as KubeApi;
  const borrower = { borrow: () => Promise.reject(new Error('borrows')) };
  claimer = new BlockClaimer({ api, pools, blocks, nodes, serviceCidrs, borrower, log: silentLog });
});

function block(cidr: string, poolName: string, node = 'n1', nodeUid = 'u1'): IPBlock {
  return { metadata: { name: blockName(cidr) }, spec: { cidr, poolName, poolUid: poolName, nodeName: node, nodeUid } };
}

function claim(request: Partial<BlockRequest>): Promise<unknown> {
  const all: BlockRequest = { family: 4, nodeName: 'n1', nodeUid: 'u1', known: [], ...request };
  return claimer.claimBlock(all, new AbortController().signal);
}

describe('a node that asks for a block gets one of its own that it does not know of', () => {
  test.each<[string, Partial<BlockRequest>, string]>([
    ['of the family', { family: 6 }, 'fd00::40/122'],
    ['of the pools', { family: 4, pools: ['four'] }, '10.0.0.0/26'],
    ['with the address', { family: 6, address: 'fd00::77' }, 'fd00::40/122'],
    ['with the address, also when it knows it', { address: '10.0.0.63', known: ['10.0.0.0/26'] }, '10.0.0.0/26'],
  ])('%s', async (_, request, cidr) => {
    expect(await claim(request)).toMatchObject({ spec: { cidr } });
  });

  test.each<[string, Partial<BlockRequest>]>([
    ['when it knows all that it has', { known: ['10.0.0.0/26'] }],
    ['when none has the address', { address: '10.0.0.65' }],
  ])('and else a new one, %s', async (_, request) => {
    await expect(claim(request)).rejects.toThrow('asked');
  });

  test("but not another node's", async () => {
    blocks.set(block('10.0.0.64/26', 'four', 'n2', 'u2'));
    expect(await claim({ address: '10.0.0.70' })).toMatchObject({ reason: 'AddressElsewhere' });
  });

  test('and none of other pools than it asks for', async () => {
    expect(await claim({ family: 6, pools: ['four'] })).toMatchObject({ reason: 'NoPool' });
    expect(await claim({ family: 6, pools: ['four'], address: 'fd00::77' })).toMatchObject({
      reason: 'AddressOutside',
    });
  });
});
