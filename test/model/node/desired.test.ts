import { describe, expect, test } from '@jest/globals';
import { DesiredTable } from '../../../src/model/node/desired.ts';
import { refId } from '../../../src/model/node/desired-update.ts';
import type { PoolIr } from '../../../src/model/node/ir.ts';

const pool: PoolIr = {
  name: 'main',
  uid: 'u',
  cidr: '10.0.0.0/16',
  encapsulation: 'VXLAN',
  natOutgoing: true,
  disabled: false,
  reserved: [],
  isCommon: true,
};

function dirtyOf(table: DesiredTable): Record<string, string[]> {
  return Object.fromEntries([...table.takeDirty()].map(([node, refs]) => [node, refs.map(refId).sort()]));
}

const set = { kind: 'addressSet', key: 's' } as const;

describe('the table of desired state', () => {
  test('tells the nodes that need a resource when it changes, and no others', () => {
    const table = new DesiredTable();
    table.set('pool', 'main', pool, ['n1', 'n2']);
    table.set('addressSet', 's', { type: 'ip', members: ['10.0.0.1'] }, ['n2']);
    expect(dirtyOf(table)).toEqual({ n1: ['pool/main'], n2: ['addressSet/s', 'pool/main'] });
    table.patchSet('s', { add: ['10.0.0.2'], remove: [] });
    expect(dirtyOf(table)).toEqual({ n2: ['addressSet/s'] });
    table.set('pool', 'main', { ...pool, disabled: true });
    expect(dirtyOf(table)).toEqual({ n1: ['pool/main'], n2: ['pool/main'] });
  });

  test('tells nobody when a resource is set to what it is, whatever the order of its fields', () => {
    const table = new DesiredTable();
    table.set('pool', 'main', pool, ['n1']);
    table.set('addressSet', 's', { type: 'ip', members: ['10.0.0.1', '10.0.0.2'] }, ['n1']);
    table.takeDirty();
    const reordered = Object.fromEntries(Object.entries(pool).reverse()) as unknown as PoolIr;
    table.set('pool', 'main', reordered, ['n1']);
    table.set('addressSet', 's', { members: ['10.0.0.2', '10.0.0.1'], type: 'ip' });
    expect(dirtyOf(table)).toEqual({});
  });

  test('tells every node of what all nodes need, those that come later too, and none that is gone', () => {
    const table = new DesiredTable();
    for (const node of ['n1', 'n2']) table.require('pool', 'main', { add: [node] });
    table.takeDirty();
    const slice = { service: 'shop/cart', addressType: 'IPv4', endpoints: [], ports: [] } as const;
    table.setEverywhere('routedSlice', 'shop/x', slice);
    expect(dirtyOf(table)).toEqual({ n1: ['routedSlice/shop/x'], n2: ['routedSlice/shop/x'] });
    table.setEverywhere('routedSlice', 'shop/x', { ...slice });
    expect(dirtyOf(table)).toEqual({});
    table.require('pool', 'main', { add: ['n3'] });
    expect(table.resourcesOf('n3').map(refId)).toContain('routedSlice/shop/x');
    table.removeNode('n1');
    expect([table.resourcesOf('n1'), table.version('n1', { kind: 'routedSlice', key: 'shop/x' })]).toEqual([
      [],
      undefined,
    ]);
    table.takeDirty();
    table.removeEverywhere('routedSlice', 'shop/x');
    expect(dirtyOf(table)).toEqual({ n2: ['routedSlice/shop/x'], n3: ['routedSlice/shop/x'] });
  });

  test('hands every node the same bytes', () => {
    const table = new DesiredTable();
    table.set('pool', 'main', pool, ['n1', 'n2']);
    const ref = { kind: 'pool', key: 'main' };
    const bytes = table.encoded('n1', ref);
    expect(bytes).toBeDefined();
    expect(table.encoded('n2', ref)).toBe(bytes);
    expect(JSON.parse(new TextDecoder().decode(bytes))).toEqual(pool);
  });

  test('follows nodes that begin and cease to need a resource', () => {
    const table = new DesiredTable();
    table.require('addressSet', 's', { add: ['n1'] });
    expect(table.version('n1', set)).toBeUndefined();
    table.set('addressSet', 's', { type: 'ip', members: [] });
    expect(table.version('n1', set)).toBeDefined();
    table.takeDirty();
    table.require('addressSet', 's', { add: ['n2'], remove: ['n1'] });
    expect(dirtyOf(table)).toEqual({ n1: ['addressSet/s'], n2: ['addressSet/s'] });
    expect(table.version('n1', set)).toBeUndefined();
    expect(table.resourcesOf('n2')).toEqual([set]);
  });

  test('keeps what one node alone has apart from the same key on others', () => {
    const table = new DesiredTable();
    const own = { uid: 'u', addresses: [], tunnelAddresses: [], trustDomain: 'd', trustBundlePem: '' };
    table.setOwn('n1', 'node', 'self', { ...own, name: 'n1', address: '192.0.2.1' });
    table.setOwn('n2', 'node', 'self', { ...own, name: 'n2', address: '192.0.2.2' });
    const ref = { kind: 'node', key: 'self' };
    expect(table.version('n1', ref)).not.toBe(table.version('n2', ref));
    table.removeOwn('n1', 'node', 'self');
    expect(table.version('n1', ref)).toBeUndefined();
    expect(table.version('n2', ref)).toBeDefined();
  });

  test('forgets a node that is gone, and keeps what others share with it', () => {
    const table = new DesiredTable();
    table.set('pool', 'main', pool, ['n1', 'n2']);
    table.takeDirty();
    table.removeNode('n1');
    expect(table.resourcesOf('n1')).toEqual([]);
    table.remove('pool', 'main');
    expect(dirtyOf(table)).toEqual({ n2: ['pool/main'] });
  });

  test('offers a patch from versions it remembers, and none from others', () => {
    const table = new DesiredTable();
    table.set('addressSet', 's', { type: 'ip', members: ['10.0.0.1'] }, ['n1']);
    const before = table.version('n1', set) ?? '';
    table.patchSet('s', { add: ['10.0.0.2'], remove: ['10.0.0.1'] });
    expect(table.setPatch('n1', 's', before)).toEqual({
      key: 's',
      fromVersion: before,
      toVersion: table.version('n1', set),
      add: ['10.0.0.2'],
      remove: ['10.0.0.1'],
    });
    expect(table.setPatch('n1', 's', 'unheard of')).toBeUndefined();
    expect(table.setPatch('n2', 's', before)).toBeUndefined();
  });
});
