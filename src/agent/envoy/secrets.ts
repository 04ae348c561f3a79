import { SecretSchema } from '../../xds/generated/wire/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import type { Secret } from '../../lib/secret.ts';
import { type EncodedResource, encodeResource } from './encoded.ts';
import { SECRET } from './names.ts';

/** What a proxy proves its identity with. */
export interface WorkloadCertificate {
  /** Leaf first, PEM. */
  readonly chainPem: string;
  /** PKCS #8, PEM. */
  readonly privateKeyPem: Secret;
}

/** Never written anywhere but to the proxy. */
export function encodeWorkloadSecret({ chainPem, privateKeyPem }: WorkloadCertificate): EncodedResource {
  return encodeCertificate(SECRET.workload, chainPem, privateKeyPem.reveal());
}

/** As `encodeWorkloadSecret`. */
export function encodeCertificate(name: string, chainPem: string, keyPem: string): EncodedResource {
  const value = { certificateChain: inline(chainPem), privateKey: inline(keyPem) };
  return encodeResource(SecretSchema, name, { name, type: { case: 'tlsCertificate', value } });
}

export function encodeRootsSecret(trustBundlePem: string): EncodedResource {
  return encodeResource(SecretSchema, SECRET.roots, {
    name: SECRET.roots,
    type: { case: 'validationContext', value: { trustedCa: inline(trustBundlePem) } },
  });
}

function inline(text: string) {
  return { specifier: { case: 'inlineString' as const, value: text } };
}
