import type { EncodedResource } from './encoded.ts';
import { encodeRootsSecret, encodeWorkloadSecret, type WorkloadCertificate } from './secrets.ts';

/** Secrets as proxies get them, each encoded once. */
export class EncodedSecrets {
  readonly #workload = new WeakMap<WorkloadCertificate, EncodedResource>();
  #roots: { readonly pem: string; readonly encoded: EncodedResource } | undefined;

  of(certificate: WorkloadCertificate, trustBundlePem: string): EncodedResource[] {
    const workload = this.#workload.get(certificate) ?? encodeWorkloadSecret(certificate);
    this.#workload.set(certificate, workload);
    if (this.#roots?.pem !== trustBundlePem) {
      this.#roots = { pem: trustBundlePem, encoded: encodeRootsSecret(trustBundlePem) };
    }
    return [workload, this.#roots.encoded];
  }
}
