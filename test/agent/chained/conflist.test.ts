import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { withoutWeft, withWeft } from '../../../src/agent/chained/conflist.ts';
import { chainInto, unchain } from '../../../src/agent/chained/conflists.ts';

const OTHER = {
  cniVersion: '0.3.1',
  name: 'cbr0',
  plugins: [{ type: 'flannel', delegate: { a: 1 } }, { type: 'portmap' }],
};
const text = (list: object) => JSON.stringify(list);
const types = (conflist: string | undefined) =>
  (JSON.parse(conflist ?? '{"plugins":[]}') as { plugins: { type: string }[] }).plugins.map(({ type }) => type);

describe('the list of another CNI', () => {
  test('gets Weft as its last plugin, and is otherwise as it was', () => {
    const chained = withWeft(text(OTHER));
    expect(JSON.parse(chained ?? '')).toEqual({ ...OTHER, plugins: [...OTHER.plugins, { type: 'weft' }] });
    expect(withWeft(chained ?? '')).toBeUndefined();
    expect(JSON.parse(withoutWeft(chained ?? '') ?? '')).toEqual(OTHER);
    expect(withoutWeft(text(OTHER))).toBeUndefined();
  });

  test('has Weft last again when it was put elsewhere, or twice', () => {
    const weft = { type: 'weft' };
    expect(types(withWeft(text({ ...OTHER, plugins: [weft, ...OTHER.plugins] })))).toEqual([
      'flannel',
      'portmap',
      'weft',
    ]);
    expect(types(withWeft(text({ ...OTHER, plugins: [weft, ...OTHER.plugins, weft] })))).toEqual([
      'flannel',
      'portmap',
      'weft',
    ]);
  });

  test.each(['[]', '{}', '{"plugins":[]}', 'null', '{'])('that is %s is left alone', (bad) => {
    expect(() => withWeft(bad)).toThrow();
  });
});

describe('the configuration folder', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'weft-t-netd-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const write = (name: string, content: string) => writeFileSync(path.join(folder, name), content);
  const read = (name: string) => readFileSync(path.join(folder, name), 'utf8');

  test('has Weft in the first list only, which keeps its mode, and no list of Weft’s own', () => {
    write('05-weft.conflist', text(OTHER));
    write('10-a.conflist', text(OTHER));
    write('20-b.conflist', text(OTHER));
    chmodSync(path.join(folder, '10-a.conflist'), 0o600);
    expect(chainInto(folder)).toBeUndefined();
    expect(types(read('10-a.conflist'))).toEqual(['flannel', 'portmap', 'weft']);
    expect(statSync(path.join(folder, '10-a.conflist')).mode & 0o777).toBe(0o600);
    expect(types(read('20-b.conflist'))).toEqual(['flannel', 'portmap']);
    expect(readdirSync(folder).sort()).toEqual(['10-a.conflist', '20-b.conflist']);
    expect(unchain(folder)).toEqual([]);
    expect(JSON.parse(read('10-a.conflist'))).toEqual(OTHER);
  });

  test('without a list to chain into says so', () => {
    expect(chainInto(folder)).toContain('no configuration of another CNI');
    write('10-a.conf', '{"type":"bridge"}');
    expect(chainInto(folder)).toContain('10-a.conf is no list of plugins');
    rmSync(path.join(folder, '10-a.conf'));
    write('10-a.conflist', '{');
    expect(chainInto(folder)).toContain('cannot change');
    expect(read('10-a.conflist')).toBe('{');
  });
});
