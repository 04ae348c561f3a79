import { applyObject } from '../kube/apply.ts';
import type { KubeApi } from '../kube/client.ts';
import type { Kind } from '../kube/kinds.ts';
import { sleep, systemClock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { KubeObject, OwnerReference } from '../api/meta.ts';
import type { Authority } from '../pki/authority.ts';
import { createInjectHandler } from '../webhook/inject/admission.ts';
import { INJECT_PATH, injectConfiguration } from '../webhook/inject/configuration.ts';
import { type ProxySettings, proxyConfigOf } from './proxy-config.ts';
import { serveWebhooks } from '../webhook/server.ts';

interface WebhookDeps {
  readonly api: KubeApi;
  readonly authority: Authority;
  readonly config: { readonly namespace: string; readonly webhookPort: number; readonly proxy: ProxySettings };
  readonly log: Logger;
}

const SERVICE = 'weft-webhook';
const CONFIGURATION: Kind<KubeObject> = {
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'MutatingWebhookConfiguration',
  plural: 'mutatingwebhookconfigurations',
  namespaced: false,
  optional: false,
};
const OWNER_PATH = '/apis/rbac.authorization.k8s.io/v1/clusterroles/weft-operator';
const CONFIGURE_RETRY_MS = 2_000;

/**
 * Serves the injection and tells the API server of it. The configuration belongs to the chart's ClusterRole, so that
 * uninstalling takes it away: nothing in the chart itself changes at run time.
 */
export async function startWebhooks({ api, authority, config, log }: WebhookDeps, signal: AbortSignal) {
  const { namespace, proxy } = config;
  const issue = () => {
    const names = [SERVICE, `${SERVICE}.${namespace}`, `${SERVICE}.${namespace}.svc`].map((dns) => ({ dns }));
    const { certificatePem, privateKeyPem } = authority.issue(names);
    return { certificatePem, privateKeyPem: privateKeyPem.reveal() };
  };
  const handler = createInjectHandler(proxyConfigOf(proxy));
  const handlers = new Map([[INJECT_PATH, handler]]);
  const server = await serveWebhooks({
    port: config.webhookPort,
    host: '0.0.0.0',
    certificate: issue(),
    handlers,
    log,
  });
  void configure({ api, authority, config, log }, signal);
  return { renew: () => server.setCertificate(issue()), close: () => server.close() };
}

async function configure({ api, authority, config, log }: WebhookDeps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      const role = await api.request<KubeObject>('GET', OWNER_PATH, { signal });
      const { name, uid = '' } = role.metadata;
      const owner: OwnerReference = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', name, uid };
      const service = { namespace: config.namespace, name: SERVICE, port: 443 };
      const object = injectConfiguration({ name: 'weft', caBundlePem: authority.rootCertificatePem, service, owner });
      await applyObject({ api, fieldManager: 'weft-webhook' }, CONFIGURATION, object, signal);
      return;
    } catch (error) {
      if (!signal.aborted) log.warn('the injection webhook is not configured yet', { error });
      await sleep(systemClock, CONFIGURE_RETRY_MS, signal);
    }
  }
}
