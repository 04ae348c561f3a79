import { describe, expect, test } from '@jest/globals';
import { redactFields } from '../../src/telemetry/redact.ts';

describe('redactFields', () => {
  test('hides fields with a secret-like name, however deep', () => {
    expect(
      redactFields({ node: 'n', token: 'x', request: { headers: { Authorization: 'Bearer x' }, privateKeyPem: 'x' } }),
    ).toEqual({
      node: 'n',
      token: '[redacted]',
      request: { headers: { Authorization: '[redacted]' }, privateKeyPem: '[redacted]' },
    });
  });

  test('shows the name of a secret, and keys of objects', () => {
    const fields = { secretName: 'weft-root', key: 'default/web' };
    expect(redactFields(fields)).toEqual(fields);
  });

  test('cuts keys and tokens out of any text, errors and their causes included', () => {
    const key = '-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----';
    const cause = new Error('sent eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2ln');
    const text = JSON.stringify(redactFields({ note: `got ${key}`, error: new Error('refused', { cause }) }));

    expect(text).toContain('got [redacted]');
    expect(text).toContain('sent [redacted]');
    expect(text).not.toMatch(/MHcCAQEE|eyJhbGci/);
  });

  test('ends at a depth, so that a cycle does not hang it', () => {
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    expect(JSON.stringify(redactFields(cycle))).toContain('[deeper]');
  });
});
