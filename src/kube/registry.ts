import type { KubeApi } from './client.ts';
import { isConflict, isNotFound, KubeError } from './errors.ts';
import { collectionPath, KINDS, objectPath } from './kinds.ts';
import type { ConfigMap } from './objects.ts';

export interface RegistryObject {
  readonly namespace: string;
  readonly name: string;
  /** The key of the ConfigMap's `data` that is compared and swapped; others are left as they are. */
  readonly field: string;
}

/** Each lost race means that somebody else got through, so more tries than writers are enough. */
const MAX_TRIES = 16;

/**
 * Swaps one field of a ConfigMap for what `update` makes of it, atomically: the write carries the resourceVersion
 * that was read, and a lost race reads again. Makes the ConfigMap when it is absent. Returns the field as it is then.
 *
 * @param update may run several times, and must depend on its argument only; its argument again means "no change".
 * @throws KubeError 409 after 16 lost races; what `update` throws.
 */
export async function compareAndSwapConfigMap(
  api: KubeApi,
  { namespace, name, field }: RegistryObject,
  update: (current: string | undefined) => string,
  signal: AbortSignal,
): Promise<string> {
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const stored = await readConfigMap(api, namespace, name, signal);
    const current = stored?.data?.[field];
    const next = update(current);
    if (next === current) return next;
    try {
      await writeConfigMap(api, stored, { namespace, name, field }, next, signal);
      return next;
    } catch (error) {
      if (!isConflict(error)) throw error;
    }
  }
  const message = `swap of '${field}' in ConfigMap ${namespace}/${name}: lost ${MAX_TRIES} races against other writers`;
  throw new KubeError(message, { status: 409, reason: 'Conflict' });
}

async function readConfigMap(api: KubeApi, namespace: string, name: string, signal: AbortSignal) {
  try {
    return await api.request<ConfigMap>('GET', objectPath(KINDS.configMap, { namespace, name }), { signal });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function writeConfigMap(
  api: KubeApi,
  stored: ConfigMap | undefined,
  { namespace, name, field }: RegistryObject,
  text: string,
  signal: AbortSignal,
): Promise<void> {
  if (stored === undefined) {
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace, name }, data: { [field]: text } };
    await api.request('POST', collectionPath(KINDS.configMap, namespace), { body, signal });
    return;
  }
  const body = { ...stored, apiVersion: 'v1', kind: 'ConfigMap', data: { ...stored.data, [field]: text } };
  await api.request('PUT', objectPath(KINDS.configMap, { namespace, name }), { body, signal });
}
