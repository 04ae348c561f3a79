import { createSecureContext, type SecureContext } from 'node:tls';
import { credentials, experimental, type ChannelCredentials, type ServerCredentials } from '@grpc/grpc-js';
import type { Secret } from '../lib/secret.ts';

/** One end's certificate and key, PEM. */
export interface Identity {
  /** Leaf first. */
  readonly certificatePem: string;
  readonly privateKeyPem: Secret;
}

export interface AgentTls extends Identity {
  /** Roots that an operator's certificate must lead to. */
  readonly trustBundlePem: string;
}

/** What an operator's certificate must carry as a URI SAN. */
export function operatorSpiffeId(trustDomain: string): string {
  return `spiffe://${trustDomain}/weft/operator`;
}

/**
 * @param subjectAltName  as Node prints it: `URI:…, DNS:…`; a value that contains a separator is quoted, so that it
 *                        cannot pass for two.
 */
export function isOperator(subjectAltName: string | undefined, trustDomain: string): boolean {
  return subjectAltName?.split(', ').includes(`URI:${operatorSpiffeId(trustDomain)}`) === true;
}

/**
 * The operator's side: it shows its certificate, and takes any from the agent, which signs its own and is known by the
 * token in its hello. So the server is not verified here; nothing secret is sent to it either.
 */
export function operatorCredentials(identity: Identity): ChannelCredentials {
  // One context for all nodes: each would hold a copy of the machine's roots, about 1 MB.
  const context = contexts.get(identity) ?? contextOf(identity);
  contexts.set(identity, context);
  return credentials.createFromSecureContext(context, { rejectUnauthorized: false });
}

const contexts = new WeakMap<Identity, SecureContext>();

function contextOf({ certificatePem, privateKeyPem }: Identity): SecureContext {
  return createSecureContext({ cert: certificatePem, key: privateKeyPem.reveal(), ca: [] });
}

/** The agent's side: asks for a client certificate, and refuses one that does not lead to the trust bundle. */
export class AgentCertificates {
  readonly credentials: ServerCredentials;
  readonly #caListeners = new Set<experimental.CaCertificateUpdateListener>();
  readonly #identityListeners = new Set<experimental.IdentityCertificateUpdateListener>();
  #tls: AgentTls;

  constructor(tls: AgentTls) {
    this.#tls = tls;
    const provider: experimental.CertificateProvider = {
      addCaCertificateListener: (listener) => {
        this.#caListeners.add(listener);
        // Later, because grpc-js adds its own watcher only after this call.
        queueMicrotask(() => listener(this.#ca()));
      },
      removeCaCertificateListener: (listener) => this.#caListeners.delete(listener),
      addIdentityCertificateListener: (listener) => {
        this.#identityListeners.add(listener);
        queueMicrotask(() => listener(this.#identity()));
      },
      removeIdentityCertificateListener: (listener) => this.#identityListeners.delete(listener),
    };
    // One object for both: grpc-js 1.14.7 hands the two arguments on in the wrong order.
    this.credentials = experimental.createCertificateProviderServerCredentials(provider, provider, true);
  }

  /** For new connections; those that are open stay. */
  update(tls: AgentTls): void {
    this.#tls = tls;
    for (const listener of this.#caListeners) listener(this.#ca());
    for (const listener of this.#identityListeners) listener(this.#identity());
  }

  #ca(): experimental.CaCertificateUpdate {
    return { caCertificate: Buffer.from(this.#tls.trustBundlePem) };
  }

  #identity(): experimental.IdentityCertificateUpdate {
    return {
      certificate: Buffer.from(this.#tls.certificatePem),
      privateKey: Buffer.from(this.#tls.privateKeyPem.reveal()),
    };
  }
}
