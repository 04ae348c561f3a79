import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { systemClock } from '../../src/lib/clock.ts';
import { type AuthorityStore, ensureAuthority, notAfterMs, type StoredAuthority } from '../../src/pki/authority.ts';
import { generateKey } from '../../src/pki/certificate.ts';
import { createCsr, parseCsr } from '../../src/pki/csr.ts';

/** As the API server's create: the second one is refused. */
function memoryStore(): AuthorityStore & { stored: StoredAuthority | undefined } {
  return {
    stored: undefined,
    async read() {
      return this.stored;
    },
    async create(authority) {
      if (this.stored !== undefined) return 'exists';
      this.stored = authority;
      return 'created';
    },
  };
}

const WEB = 'spiffe://cluster.local/ns/shop/sa/web';

describe('the certificate authority', () => {
  test('signs what openssl verifies against its root, for both ends of TLS', async () => {
    const authority = await ensureAuthority(memoryStore(), systemClock);
    const folder = mkdtempSync(path.join(os.tmpdir(), 'weft-t-pki-'));
    const file = (name: string, text: string) => {
      writeFileSync(path.join(folder, name), text);
      return path.join(folder, name);
    };
    const chain = authority.sign(generateKey().publicKey, [{ uri: WEB }]);
    const [leaf = '', intermediate = ''] = chain.split(/(?<=-----END CERTIFICATE-----\n)/);
    const files = {
      root: file('root', authority.rootCertificatePem),
      leaf: file('leaf', leaf),
      middle: file('middle', intermediate),
    };
    for (const purpose of ['sslserver', 'sslclient']) {
      const args = [
        'verify',
        '-x509_strict',
        '-purpose',
        purpose,
        '-CAfile',
        files.root,
        '-untrusted',
        files.middle,
        files.leaf,
      ];
      expect(execFileSync('openssl', args, { encoding: 'utf8' })).toContain('OK');
    }
    rmSync(folder, { recursive: true });
  });

  test('names the workload by its SPIFFE id, for a day', async () => {
    const authority = await ensureAuthority(memoryStore(), systemClock);
    const chain = authority.sign(generateKey().publicKey, [{ uri: WEB }]);
    const certificate = new X509Certificate(chain);
    expect(certificate.subjectAltName).toBe(`URI:${WEB}`);
    expect(certificate.ca).toBe(false);
    const hours = (notAfterMs(chain) - Date.now()) / 3600_000;
    expect(hours).toBeGreaterThan(23.9);
    expect(hours).toBeLessThanOrEqual(24);
  });

  test('is one and the same when two replicas start together', async () => {
    const store = memoryStore();
    const [a, b] = await Promise.all([ensureAuthority(store, systemClock), ensureAuthority(store, systemClock)]);
    expect(a.rootCertificatePem).toBe(b.rootCertificatePem);
    const root = new X509Certificate(a.rootCertificatePem);
    const [, intermediate = ''] = b
      .sign(generateKey().publicKey, [{ uri: WEB }])
      .split(/(?<=-----END CERTIFICATE-----\n)/);
    expect(new X509Certificate(intermediate).verify(root.publicKey)).toBe(true);
  });

  test('never prints its key', async () => {
    const store = memoryStore();
    await ensureAuthority(store, systemClock);
    for (const text of [inspect(store.stored), JSON.stringify(store.stored), `${store.stored?.intermediateKeyPem}`]) {
      expect(text).not.toContain('PRIVATE');
      expect(text).toContain('[redacted]');
    }
  });
});

describe('a certificate request', () => {
  test('gives its key when its signature holds', () => {
    const key = generateKey();
    const parsed = parseCsr(createCsr(key));
    expect(typeof parsed === 'string' ? parsed : parsed.equals(key.publicKey)).toBe(true);
  });

  test('is refused when a byte of it was changed, or when it is something else', () => {
    const csr = createCsr(generateKey());
    csr[csr.length - 1] = (csr[csr.length - 1] ?? 0) ^ 1;
    expect(parseCsr(csr)).toMatch(/does not verify|not DER/);
    expect(parseCsr(Buffer.from('hello'))).toContain('PKCS #10');
  });
});
