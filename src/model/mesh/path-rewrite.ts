import type { BackendIr, RouteMatchIr } from '../node/ir.ts';
import type { HeaderChangeIr, RouteSendingIr } from '../node/sending-ir.ts';
import { quoted } from './expression.ts';
import type { CallRequest } from './request-match.ts';

/** `/a` to `/b`: `/a/c` becomes `/b/c`, `/a` becomes `/b`; to `/`: `/c` and `/`. Slashes at an end say nothing. */
export function prefixRewrite(match: RouteMatchIr | undefined, to: string) {
  const [before, after] = [(match?.path?.value ?? '/').replace(/\/+$/, ''), to.replace(/\/+$/, '')];
  const regex = after === '' ? `^${quoted(before)}/*` : `^${quoted(before)}`;
  return { pattern: { regex }, substitution: after === '' ? '/' : after };
}

interface PathChange {
  readonly prefix?: string;
  readonly path?: string;
}

export function rewrittenPath({ prefix, path }: PathChange, match: RouteMatchIr | undefined, before: string): string {
  if (path !== undefined || prefix === undefined) return path ?? before;
  const { pattern, substitution } = prefixRewrite(match, prefix);
  return before.replace(new RegExp(pattern.regex), () => substitution);
}

/** The request as the called pod's proxy gets it. */
export function sentRequest(
  request: CallRequest,
  { rewrite = {}, requestHeaders }: Pick<RouteSendingIr, 'rewrite' | 'requestHeaders'>,
  match: RouteMatchIr | undefined,
  backend: Pick<BackendIr, 'requestHeaders'>,
): CallRequest {
  const host = rewrite.host === undefined ? {} : { host: rewrite.host };
  const changes = [backend.requestHeaders, requestHeaders].flatMap((change) => change ?? []);
  const headers = changes.reduce(changed, { ...request.headers, ...host });
  return { ...request, headers, path: rewrittenPath(rewrite, match, request.path) };
}

function changed(headers: Readonly<Record<string, string>>, { set = [], add = [], remove = [] }: HeaderChangeIr) {
  const left = Object.fromEntries(Object.entries(headers).filter(([name]) => !remove.includes(name)));
  for (const { name, value } of set) left[name] = value;
  for (const { name, value } of add) left[name] = left[name] === undefined ? value : `${left[name]},${value}`;
  return left;
}
