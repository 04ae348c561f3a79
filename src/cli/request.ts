import type { CallRequest } from '../model/mesh/request-match.ts';

/** @throws Error that says how a request is written. */
export function parseRequest(text: string, headers: readonly string[]): CallRequest {
  const [, method = '', target = ''] = /^([A-Z]+) (\/\S*)$/.exec(text) ?? [];
  if (target === '') throw new Error(`a request is written as 'GET /path', not '${text}'`);
  const given = headers.map((header) => {
    const [, name, value] = /^([^:\s]+):\s*(.*)$/.exec(header) ?? [];
    if (name === undefined || value === undefined)
      throw new Error(`a header is written as 'name: value', not '${header}'`);
    return [name.toLowerCase(), value] as const;
  });
  // As the proxy does: without dot segments.
  const { pathname, search } = new URL(`http://pod${target}`);
  return { method, path: pathname, query: search.slice(1), headers: Object.fromEntries(given) };
}
