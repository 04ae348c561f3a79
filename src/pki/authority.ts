import { X509Certificate, type KeyObject } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';
import type { Secret } from '../lib/secret.ts';
import {
  type AltName,
  generateKey,
  issueCertificate,
  type KeyPair,
  parsePrivateKey,
  privateKeyPem,
} from './certificate.ts';

const YEAR_MS = 365 * 24 * 3600_000;
const ROOT_LIFE_MS = 10 * YEAR_MS;
const INTERMEDIATE_LIFE_MS = 5 * YEAR_MS;
export const WORKLOAD_LIFE_MS = 24 * 3600_000;
/** Clocks of nodes differ a little. */
const BACKDATED_MS = 5 * 60_000;

const ROOT_NAME = 'weft root';
const INTERMEDIATE_NAME = 'weft intermediate';

/** What is stored: the root's key is not among it, because nothing signs with it after the intermediate is made. */
export interface StoredAuthority {
  readonly rootCertificatePem: string;
  readonly intermediateCertificatePem: string;
  readonly intermediateKeyPem: Secret;
}

export interface AuthorityStore {
  read(): Promise<StoredAuthority | undefined>;
  /** `exists` when somebody else was first: then nothing is written. */
  create(authority: StoredAuthority): Promise<'created' | 'exists'>;
}

/** Signs what proves an identity in the mesh; its certificates lead to one root. */
export class Authority {
  readonly rootCertificatePem: string;
  readonly #intermediatePem: string;
  readonly #key: KeyPair;
  readonly #clock: Clock;

  constructor(stored: StoredAuthority, clock: Clock) {
    this.rootCertificatePem = stored.rootCertificatePem;
    this.#intermediatePem = stored.intermediateCertificatePem;
    this.#key = parsePrivateKey(stored.intermediateKeyPem);
    this.#clock = clock;
  }

  /** A certificate of 24 h for both ends of TLS, followed by the intermediate that signed it, as PEM. */
  sign(publicKey: KeyObject, altNames: readonly AltName[], lifeMs = WORKLOAD_LIFE_MS): string {
    const now = this.#clock.now();
    const leaf = issueCertificate(
      { commonName: '', publicKey, altNames, notBeforeMs: now - BACKDATED_MS, notAfterMs: now + lifeMs },
      { commonName: INTERMEDIATE_NAME, key: this.#key },
    );
    return `${leaf}${this.#intermediatePem}`;
  }

  /** A new key with its certificate, for a server or client inside of this process. */
  issue(altNames: readonly AltName[], lifeMs?: number): { certificatePem: string; privateKeyPem: Secret } {
    const key = generateKey();
    return { certificatePem: this.sign(key.publicKey, altNames, lifeMs), privateKeyPem: privateKeyPem(key) };
  }
}

/** The cluster's authority: read, or made once even when several replicas start together. */
export async function ensureAuthority(store: AuthorityStore, clock: Clock): Promise<Authority> {
  const stored = await store.read();
  if (stored !== undefined) return new Authority(stored, clock);
  const made = createAuthority(clock.now());
  if ((await store.create(made)) === 'created') return new Authority(made, clock);
  const theirs = await store.read();
  if (theirs === undefined)
    throw new Error('the certificate authority was created by another replica and is gone again');
  return new Authority(theirs, clock);
}

function createAuthority(now: number): StoredAuthority {
  const root = { commonName: ROOT_NAME, key: generateKey() };
  const intermediate = generateKey();
  const notBeforeMs = now - BACKDATED_MS;
  return {
    rootCertificatePem: issueCertificate(
      {
        commonName: ROOT_NAME,
        publicKey: root.key.publicKey,
        altNames: [],
        authorityDepth: 1,
        notBeforeMs,
        notAfterMs: now + ROOT_LIFE_MS,
      },
      root,
    ),
    intermediateCertificatePem: issueCertificate(
      {
        commonName: INTERMEDIATE_NAME,
        publicKey: intermediate.publicKey,
        altNames: [],
        authorityDepth: 0,
        notBeforeMs,
        notAfterMs: now + INTERMEDIATE_LIFE_MS,
      },
      root,
    ),
    intermediateKeyPem: privateKeyPem(intermediate),
  };
}

/** When the first certificate of a PEM chain ends, milliseconds since the epoch. */
export function notAfterMs(chainPem: string): number {
  return new X509Certificate(chainPem).validToDate.getTime();
}
