/** The `code` of a failure of Node's own (`ENOENT`); undefined for anything else. Not by class: errors cross realms. */
export function systemErrorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
