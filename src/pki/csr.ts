import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import type { KeyPair } from './certificate.ts';
import { bits, bitsOf, children, decode, encode, integer, OID, oid, sequence, tagged } from './der.ts';

/** A PKCS #10 request (RFC 2986) that proves possession of the key and asks for no name: the signer knows whose it is. */
export function createCsr(key: KeyPair): Buffer {
  const info = sequence(
    integer(Buffer.of(0)),
    sequence(),
    decode(key.publicKey.export({ type: 'spki', format: 'der' })),
    tagged(0),
  );
  const signature = sign('sha256', encode(info), key.privateKey);
  return encode(sequence(info, sequence(oid(OID.ecdsaWithSha256)), bits(signature)));
}

/** The public key of a request whose signature holds; otherwise the reason as text. */
export function parseCsr(der: Uint8Array): KeyObject | string {
  try {
    const [info, , signature] = children(decode(Buffer.from(der)));
    const [, , publicKeyInfo] = children(info);
    if (info === undefined || publicKeyInfo === undefined) return 'the certificate request has no public key';
    const publicKey = createPublicKey({ key: encode(publicKeyInfo), format: 'der', type: 'spki' });
    if (publicKey.asymmetricKeyDetails?.namedCurve !== 'prime256v1') return "the request's key must be ECDSA P-256";
    const holds = verify('sha256', encode(info), publicKey, bitsOf(signature));
    return holds ? publicKey : "the certificate request's signature does not verify";
  } catch {
    return 'the certificate request is not DER of PKCS #10';
  }
}
