import { createPrivateKey, X509Certificate } from 'node:crypto';
import { type Backoff, backoffMs } from '../../lib/backoff.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import type { Secret } from '../../lib/secret.ts';

/** A new ECDSA P-256 key with the request (PKCS #10, DER) that proves its possession. `pki/` makes them. */
export interface KeyWithRequest {
  /** PKCS #8, PEM. */
  readonly privateKeyPem: Secret;
  readonly csrDer: Uint8Array;
}

export interface HeldCertificate {
  /** Leaf first, PEM. */
  readonly chainPem: string;
  readonly privateKeyPem: Secret;
}

export interface IdentitiesDeps {
  readonly createKey: () => KeyWithRequest;
  /** Asks the operators for a certificate of `spiffeId` for a pod of this node that bears it. May reject. */
  readonly requestCertificate: (
    spiffeId: string,
    csrDer: Uint8Array,
    podUid: string,
  ) => Promise<{ readonly chainPem: string } | { readonly problem: string }>;
  readonly changed: (spiffeId: string) => void;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
}

interface Identity {
  readonly spiffeId: string;
  readonly pods: Set<string>;
  certificate: HeldCertificate | undefined;
  failures: number;
  cancel: () => void;
}

const RETRY: Backoff = { firstMs: 500, maxMs: 30_000 };
/** Renewal is due between 50 and 60 % of the remaining life, so that pods that started together do not ask together. */
const RENEW_FROM = 0.5;
const RENEW_SPREAD = 0.1;

/** Keys and certificates of the identities that pods of this node have: in memory only, renewed in time. */
export class Identities {
  readonly #deps: IdentitiesDeps;
  readonly #identities = new Map<string, Identity>();

  constructor(deps: IdentitiesDeps) {
    this.#deps = deps;
  }

  /** The pod needs the identity until it is released. Safe to repeat. */
  hold(spiffeId: string, podUid: string): void {
    const known = this.#identities.get(spiffeId);
    if (known !== undefined) {
      known.pods.add(podUid);
      return;
    }
    const cancel = () => undefined;
    const identity: Identity = { spiffeId, pods: new Set([podUid]), certificate: undefined, failures: 0, cancel };
    this.#identities.set(spiffeId, identity);
    void this.#obtain(identity);
  }

  /** With its last pod the identity is forgotten, key and all. */
  release(spiffeId: string, podUid: string): void {
    const identity = this.#identities.get(spiffeId);
    if (identity === undefined) return;
    identity.pods.delete(podUid);
    if (identity.pods.size > 0) return;
    identity.cancel();
    this.#identities.delete(spiffeId);
  }

  /** Undefined until the first has been signed. */
  certificateOf(spiffeId: string): HeldCertificate | undefined {
    return this.#identities.get(spiffeId)?.certificate;
  }

  close(): void {
    for (const identity of this.#identities.values()) identity.cancel();
    this.#identities.clear();
  }

  async #obtain(identity: Identity): Promise<void> {
    const { clock, random, logger, changed } = this.#deps;
    const answer = await this.#request(identity);
    if (this.#identities.get(identity.spiffeId) !== identity) return;
    const again = () => void this.#obtain(identity);
    if ('problem' in answer) {
      logger.warn('no certificate yet', { spiffeId: identity.spiffeId, reason: answer.problem });
      identity.cancel = clock.after(backoffMs(RETRY, identity.failures, random()), again);
      identity.failures += 1;
      return;
    }
    identity.failures = 0;
    identity.certificate = answer;
    const lifeMs = new X509Certificate(answer.chainPem).validToDate.getTime() - clock.now();
    identity.cancel = clock.after(Math.max(RETRY.firstMs, lifeMs * (RENEW_FROM + RENEW_SPREAD * random())), again);
    changed(identity.spiffeId);
  }

  /** A failed try is a new key at the next one; another pod's name is tried then, if there is one. */
  async #request({ spiffeId, pods, failures }: Identity): Promise<HeldCertificate | { readonly problem: string }> {
    const podUids = [...pods];
    const podUid = podUids[failures % podUids.length];
    if (podUid === undefined) return { problem: 'no pod has this identity any more' };
    try {
      const { privateKeyPem, csrDer } = this.#deps.createKey();
      const answer = await this.#deps.requestCertificate(spiffeId, csrDer, podUid);
      if ('problem' in answer) return answer;
      const problem = problemOf(answer.chainPem, spiffeId, privateKeyPem);
      return problem === undefined ? { chainPem: answer.chainPem, privateKeyPem } : { problem };
    } catch (error) {
      return { problem: error instanceof Error ? error.message : String(error) };
    }
  }
}

/** A certificate that a proxy would refuse is worse than none: it would replace one that works. */
function problemOf(chainPem: string, spiffeId: string, privateKeyPem: Secret): string | undefined {
  const leaf = new X509Certificate(chainPem);
  if (!leaf.checkPrivateKey(createPrivateKey(privateKeyPem.reveal())))
    return 'the certificate is not for the key it was asked for';
  const names = leaf.subjectAltName?.split(', ') ?? [];
  return names.includes(`URI:${spiffeId}`) ? undefined : `the certificate is for ${leaf.subjectAltName ?? 'nobody'}`;
}
