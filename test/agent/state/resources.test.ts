import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { ResourceStore } from '../../../src/agent/state/resources.ts';
import { FakeClock } from '../../kube-room/fake-clock.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'weft-resources-'));
  file = path.join(folder, 'resources.json');
});
afterEach(() => rmSync(folder, { recursive: true }));

function saved(): ResourceStore {
  const store = new ResourceStore(file, new FakeClock());
  store.set('addressSet', 's1', 'v1', { type: 'ip', members: ['10.0.0.1'] });
  store.setWatermark({ pods: '7' });
  store.save();
  return store;
}

test('what a node was told outlives its agent', () => {
  saved();
  const again = new ResourceStore(file, new FakeClock());
  expect(again.get('addressSet', 's1')).toEqual({ type: 'ip', members: ['10.0.0.1'] });
  expect(again.watermark).toEqual({ pods: '7' });
});

test.each<[string, (text: string) => string]>([
  ['cut short', (text) => text.slice(0, -10)],
  ['of an agent with another format', (text) => JSON.stringify({ ...JSON.parse(text), format: 1 })],
])('a copy that is %s is not believed: the node then has to be told all anew', (_, spoil) => {
  saved();
  writeFileSync(file, spoil(readFileSync(file, 'utf8')));
  const again = new ResourceStore(file, new FakeClock());
  expect([...again.versions()]).toEqual([]);
  expect(again.watermark).toEqual({});
});
