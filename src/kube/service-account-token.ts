import { createPublicKey, type JsonWebKeyInput, type KeyObject, verify } from 'node:crypto';

/** Who a bound service-account token speaks for. */
export interface TokenIdentity {
  readonly namespace: string;
  readonly serviceAccount: string;
  /** The node that the token's pod was bound to when it was issued (Kubernetes 1.32, `kubernetes.io.node` claim). */
  readonly nodeName: string;
  readonly nodeUid: string;
}

export interface TokenExpectation {
  readonly audience: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly nowSeconds: number;
}

/** The cluster's signing keys by key id, from the API server's /openid/v1/jwks. */
export type SigningKeys = ReadonlyMap<string, KeyObject>;

/** Reads a JSON Web Key Set (RFC 7517); keys of unknown types are left out. */
export function parseSigningKeys(jwks: unknown): SigningKeys {
  const { keys } = jwks as {
    keys?: readonly (JsonWebKeyInput['key'] & { readonly kid?: string; readonly kty?: string })[];
  };
  const found = new Map<string, KeyObject>();
  for (const key of keys ?? []) {
    if (key.kid !== undefined && (key.kty === 'RSA' || key.kty === 'EC')) {
      found.set(key.kid, createPublicKey({ key, format: 'jwk' }));
    }
  }
  return found;
}

/**
 * Verifies signature, audience, lifetime, service account and node claim without asking the API server, so that it
 * works while that is away. Returns the reason as text when the token does not hold; the token is never in it.
 */
export function verifyToken(token: string, keys: SigningKeys, expected: TokenExpectation): TokenIdentity | string {
  const [header, payload, signature, ...rest] = token.split('.');
  if (header === undefined || payload === undefined || signature === undefined || rest.length > 0) {
    return 'the token is no signed JSON Web Token';
  }
  const { alg, kid } = decode(header) as { alg?: string; kid?: string };
  const key = keys.get(kid ?? '');
  if (key === undefined) return 'the token is signed by a key that the cluster does not list';
  const ecdsa = key.asymmetricKeyType === 'ec';
  if (alg !== (ecdsa ? 'ES256' : 'RS256'))
    return `the token's algorithm '${String(alg)}' does not fit the cluster's key`;
  const options = ecdsa ? { key, dsaEncoding: 'ieee-p1363' as const } : key;
  if (!verify('sha256', Buffer.from(`${header}.${payload}`), options, Buffer.from(signature, 'base64url'))) {
    return "the token's signature does not verify";
  }
  return checkClaims(decode(payload) as Claims, expected);
}

interface Claims {
  readonly aud?: string | readonly string[];
  readonly exp?: number;
  readonly nbf?: number;
  readonly 'kubernetes.io'?: {
    readonly namespace?: string;
    readonly serviceaccount?: { readonly name?: string };
    readonly node?: { readonly name?: string; readonly uid?: string };
  };
}

function checkClaims(claims: Claims, expected: TokenExpectation): TokenIdentity | string {
  const { aud = [], exp = 0, nbf = 0, 'kubernetes.io': bound = {} } = claims;
  if (!(typeof aud === 'string' ? [aud] : aud).includes(expected.audience)) return 'the token is for another audience';
  if (exp <= expected.nowSeconds) return 'the token has expired';
  if (nbf > expected.nowSeconds + 60) return 'the token is not valid yet';
  const { namespace, serviceaccount, node } = bound;
  if (namespace !== expected.namespace || serviceaccount?.name !== expected.serviceAccount) {
    return `the token must be of service account ${expected.namespace}/${expected.serviceAccount}`;
  }
  if (node?.name === undefined || node.uid === undefined)
    return 'the token names no node: Kubernetes 1.32 or newer is needed';
  return { namespace, serviceAccount: serviceaccount.name, nodeName: node.name, nodeUid: node.uid };
}

function decode(part: string): unknown {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
  } catch {
    return {};
  }
}
