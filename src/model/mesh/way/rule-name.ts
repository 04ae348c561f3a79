/** A rule by its object, and where that has it. */
export function ruleName({ origin, path }: { readonly origin: string; readonly path?: string }): string {
  return path === undefined ? origin : `${origin}, ${path}`;
}
