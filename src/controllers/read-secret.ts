import type { KubeApi } from '../kube/client.ts';
import { KINDS, objectPath } from '../kube/kinds.ts';
import type { Secret as KubeSecret } from '../kube/objects.ts';
import { Secret } from '../lib/secret.ts';

export interface SecretRef {
  readonly namespace: string;
  readonly name: string;
}

/** Key → text. @throws KubeError */
export async function readSecret(
  api: KubeApi,
  ref: SecretRef,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Secret>> {
  const { data = {} } = await api.request<KubeSecret>('GET', objectPath(KINDS.secret, ref), { signal });
  const decode = (text: string) => new Secret(Buffer.from(text, 'base64').toString('utf8'));
  return new Map(Object.entries(data).map(([key, text]) => [key, decode(text)]));
}
