/** What `weft uninstall` asks and what the leading operator answers, both kept in one ConfigMap. */
export const UNINSTALL_OBJECT = { name: 'weft-uninstall', requestField: 'request', resultField: 'result' };

export interface UninstallRequest {
  readonly id: string;
  /** Even while pods use the network: they lose it. */
  readonly force: boolean;
}

export interface UninstallResult {
  /** Of the request that this answers. */
  readonly id: string;
  /** Why nothing was done; absent when nodes were torn down. */
  readonly refused?: string;
  readonly nodes: readonly NodeOutcome[];
}

export interface NodeOutcome {
  readonly node: string;
  readonly state: 'clean' | 'failed' | 'unreachable';
  readonly errors: readonly string[];
}

/** Undefined when the text is no request. */
export function parseUninstallRequest(text: string | undefined): UninstallRequest | undefined {
  const value = parseObject(text);
  const { id, force } = value ?? {};
  return typeof id === 'string' && id !== '' ? { id, force: force === true } : undefined;
}

export function parseUninstallResult(text: string | undefined): UninstallResult | undefined {
  const value = parseObject(text);
  return value !== undefined && typeof value['id'] === 'string' && Array.isArray(value['nodes'])
    ? (value as unknown as UninstallResult)
    : undefined;
}

function parseObject(text: string | undefined): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '');
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    return undefined;
  }
}
