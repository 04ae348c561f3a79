/** Every host. */
export const ANY_HOST = '*';

/**
 * The hosts that calls of a route are for at a listener, most of all those that both name; none when they have none in
 * common. `*.example.com` is whatever ends in `.example.com` (Gateway API, Listener.hostname).
 */
export function commonHosts(listener: string | undefined, route: readonly string[] | undefined): readonly string[] {
  const ofListener = listener === undefined || listener === '' ? ANY_HOST : listener.toLowerCase();
  if (route === undefined || route.length === 0) return [ofListener];
  return [...new Set(route.flatMap((host) => narrower(ofListener, host.toLowerCase()) ?? []))].sort();
}

/** Whether every host of `host` is one of `pattern`. */
export function covers(pattern: string, host: string): boolean {
  if (pattern === ANY_HOST || pattern === host) return true;
  return pattern.startsWith('*.') && host.replace(/^\*/, '').endsWith(pattern.slice(1)) && host !== pattern.slice(2);
}

/** Exact names first, then longer patterns; every host comes last. */
export function bySpecificity(a: string, b: string): number {
  return rankOf(b) - rankOf(a) || b.length - a.length || (a < b ? -1 : a > b ? 1 : 0);
}

function narrower(a: string, b: string): string | undefined {
  if (covers(a, b)) return b;
  return covers(b, a) ? a : undefined;
}

function rankOf(host: string): number {
  if (host === ANY_HOST) return 0;
  return host.startsWith('*.') ? 1 : 2;
}
