import type { KubeApi } from '../kube/client.ts';
import { isConflict, isNotFound } from '../kube/errors.ts';
import { collectionPath, KINDS, objectPath } from '../kube/kinds.ts';
import { compareAndSwapConfigMap } from '../kube/registry.ts';
import { Secret } from '../lib/secret.ts';
import type { AuthorityStore } from '../pki/authority.ts';

const SECRET_NAME = 'weft-authority';
const TRUST_NAME = 'weft-trust';
const FIELDS = { root: 'root.crt', intermediate: 'intermediate.crt', key: 'intermediate.key' };

/** Keeps the certificate authority in a Secret of the operator's namespace: created once, whoever is first. */
export function authorityInSecret(api: KubeApi, namespace: string): AuthorityStore {
  return {
    async read() {
      try {
        const path = objectPath(KINDS.secret, { namespace, name: SECRET_NAME });
        const { data = {} } = await api.request<{ data?: Readonly<Record<string, string>> }>('GET', path);
        const text = (field: string) => Buffer.from(data[field] ?? '', 'base64').toString('utf8');
        return {
          rootCertificatePem: text(FIELDS.root),
          intermediateCertificatePem: text(FIELDS.intermediate),
          intermediateKeyPem: new Secret(text(FIELDS.key)),
        };
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw error;
      }
    },
    async create({ rootCertificatePem, intermediateCertificatePem, intermediateKeyPem }) {
      const stringData = {
        [FIELDS.root]: rootCertificatePem,
        [FIELDS.intermediate]: intermediateCertificatePem,
        [FIELDS.key]: intermediateKeyPem.reveal(),
      };
      const body = {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { namespace, name: SECRET_NAME },
        type: 'Opaque',
        stringData,
      };
      try {
        await api.request('POST', collectionPath(KINDS.secret, namespace), { body });
        return 'created';
      } catch (error) {
        if (isConflict(error)) return 'exists';
        throw error;
      }
    },
  };
}

/** Shows agents the root to believe in; their pods wait for this ConfigMap. */
export async function publishTrust(
  api: KubeApi,
  namespace: string,
  rootPem: string,
  signal: AbortSignal,
): Promise<void> {
  await compareAndSwapConfigMap(api, { namespace, name: TRUST_NAME, field: 'ca.crt' }, () => rootPem, signal);
}
