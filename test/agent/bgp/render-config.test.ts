import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { protocolName, renderBirdConfig } from '../../../src/agent/bgp/render-config.ts';
import type { BgpIr } from '../../../src/model/node/ir.ts';
import { expectGolden, goldenCases, goldenInput } from '../../support/golden.ts';

const DIR = path.join(import.meta.dirname, 'config');

test.each(goldenCases(DIR))('%s', (name) => {
  expectGolden(DIR, name, { 'bird.conf': renderBirdConfig(parse(goldenInput(DIR, name)) as BgpIr) });
});

describe('the text', () => {
  const bgp = parse(goldenInput(DIR, 'a-node-with-a-router')) as BgpIr;
  const [session] = bgp.sessions;
  if (session === undefined) throw new Error('no session');

  test('is that of the session alone when only its password changes', () => {
    const lines = (password: string) => renderBirdConfig({ ...bgp, sessions: [{ ...session, password }] }).split('\n');
    const [one, other] = [lines('one'), lines('other')];
    expect(one.filter((line, index) => line !== other[index])).toEqual(['  password "one";']);
  });

  test('names a session after its address, whatever its form', () => {
    expect(protocolName('192.0.2.1')).toBe('peer_192_0_2_1');
    expect(protocolName('2001:db8::1')).toBe('peer_2001_db8__1');
  });
});
