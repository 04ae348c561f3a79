import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto';
import { Secret } from '../lib/secret.ts';
import {
  bits,
  boolean,
  decode,
  type Der,
  encode,
  implicit,
  integer,
  OID,
  octets,
  oid,
  pem,
  sequence,
  set,
  tagged,
  time,
  utf8,
} from './der.ts';

export interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** ECDSA P-256: 0.15 ms, where RSA 2048 takes 300. */
export function generateKey(): KeyPair {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

export function privateKeyPem({ privateKey }: KeyPair): Secret {
  return new Secret(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
}

/** @throws when `text` is no PEM private key. */
export function parsePrivateKey(text: Secret): KeyPair {
  const privateKey = createPrivateKey(text.reveal());
  return { privateKey, publicKey: createPublicKey(privateKey) };
}

/** Another name of a certificate's subject (RFC 5280, 4.2.1.6). */
export type AltName = { readonly uri: string } | { readonly dns: string } | { readonly ip: string };

export interface CertificateRequestIr {
  /** Common name; empty: the subject is empty and the alternative names are critical. */
  readonly commonName: string;
  readonly publicKey: KeyObject;
  readonly altNames: readonly AltName[];
  /** How many authorities may stand below it; absent: it is no authority. */
  readonly authorityDepth?: number;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export interface Issuer {
  readonly commonName: string;
  readonly key: KeyPair;
}

/** An X.509 v3 certificate (RFC 5280), signed with ECDSA and SHA-256, as PEM. */
export function issueCertificate(request: CertificateRequestIr, issuer: Issuer): string {
  const algorithm = sequence(oid(OID.ecdsaWithSha256));
  const body = sequence(
    tagged(0, integer(Buffer.of(2))),
    integer(serialNumber()),
    algorithm,
    name(issuer.commonName),
    sequence(time(request.notBeforeMs), time(request.notAfterMs)),
    name(request.commonName),
    decode(request.publicKey.export({ type: 'spki', format: 'der' })),
    tagged(3, sequence(...extensions(request, issuer))),
  );
  const signature = sign('sha256', encode(body), issuer.key.privateKey);
  return pem('CERTIFICATE', encode(sequence(body, algorithm, bits(signature))));
}

function extensions(request: CertificateRequestIr, issuer: Issuer): Der[] {
  const isAuthority = request.authorityDepth !== undefined;
  const constraints =
    request.authorityDepth === undefined
      ? sequence()
      : sequence(boolean(true), integer(Buffer.of(request.authorityDepth)));
  // keyCertSign and cRLSign, or digitalSignature (RFC 5280, 4.2.1.3).
  const usage = isAuthority ? bits(Buffer.of(0x06), 1) : bits(Buffer.of(0x80), 7);
  return [
    extension(OID.basicConstraints, true, constraints),
    extension(OID.keyUsage, true, usage),
    extension(OID.subjectKeyIdentifier, false, octets(keyIdentifier(request.publicKey))),
    extension(OID.authorityKeyIdentifier, false, sequence(implicit(0, keyIdentifier(issuer.key.publicKey)))),
    ...(isAuthority
      ? []
      : [extension(OID.extendedKeyUsage, false, sequence(oid(OID.serverAuth), oid(OID.clientAuth)))]),
    ...(request.altNames.length === 0
      ? []
      : [extension(OID.subjectAltName, request.commonName === '', sequence(...request.altNames.map(altName)))]),
  ];
}

function extension(id: string, critical: boolean, value: Der): Der {
  return sequence(oid(id), ...(critical ? [boolean(true)] : []), octets(encode(value)));
}

function altName(entry: AltName): Der {
  if ('uri' in entry) return implicit(6, Buffer.from(entry.uri, 'ascii'));
  if ('dns' in entry) return implicit(2, Buffer.from(entry.dns, 'ascii'));
  return implicit(7, Buffer.from(entry.ip.split('.').map(Number)));
}

function name(commonName: string): Der {
  return commonName === '' ? sequence() : sequence(set(sequence(oid(OID.commonName), utf8(commonName))));
}

/** 16 random bytes, positive and not zero (RFC 5280, 4.1.2.2: at most 20). */
function serialNumber(): Buffer {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes;
}

/** SHA-1 of the public key (RFC 5280, 4.2.1.2, method 1): a name, not a protection. */
function keyIdentifier(key: KeyObject): Buffer {
  return createHash('sha1')
    .update(key.export({ type: 'spki', format: 'der' }).subarray(-65))
    .digest();
}
