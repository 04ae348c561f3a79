import type { NetworkPolicy } from '../../api/generated/networkpolicy.ts';
import type { HttpMatchIr } from '../node/ir.ts';

export interface HttpRequest {
  readonly method: string;
  /** Without the query, after dot segments were removed. */
  readonly path: string;
  /** By names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

type HttpSpec = NonNullable<NonNullable<NetworkPolicy['spec']['ingress']>[number]['http']>;

/**
 * Paths that servers read in different ways: repeated slashes, backslashes, what some take for parameters, and escaped
 * letters, digits, dots, slashes and zeros, which nobody needs to escape. No rule that allows by path matches one, every one that denies by path does.
 */
export const AMBIGUOUS_PATH = '(//|\\\\|;|%(00|2[dDeEfF]|3[0-9]|4[1-9a-fA-F]|5[0-9aAcCfF]|6[1-9a-fA-F]|7[0-9aAeE]))';
const AMBIGUOUS = new RegExp(AMBIGUOUS_PATH);

export function translateHttp(http: HttpSpec): HttpMatchIr[] {
  return http.map(({ methods, paths, headers }) => ({
    ...(methods === undefined ? {} : { methods: [...methods].sort() }),
    ...(paths === undefined ? {} : { paths: paths.map(pathOf) }),
    ...(headers === undefined
      ? {}
      : { headers: headers.map(({ name, value }) => ({ name, ...(value === undefined ? {} : { value }) })) }),
  }));
}

function pathOf({ exact, prefix }: NonNullable<HttpSpec[number]['paths']>[number]) {
  if (exact !== undefined) return { type: 'Exact' as const, value: exact };
  return { type: 'Prefix' as const, value: withoutSlash(prefix ?? '/') };
}

/** `/` itself is empty: everything is below it. */
function withoutSlash(prefix: string): string {
  return prefix.replace(/\/+$/, '');
}

/** As the proxy judges (`agent/envoy/authorization.ts`). @param allows what denies looks at paths without regard to case. */
export function matchesRequest(http: readonly HttpMatchIr[], request: HttpRequest, allows: boolean): boolean {
  return http.some(
    ({ methods, paths, headers = [] }) =>
      (methods === undefined || methods.includes(request.method)) &&
      (paths === undefined || matchesPath(paths, request.path, allows)) &&
      headers.every(({ name, value }) => {
        const given = request.headers[name];
        return given !== undefined && (value === undefined || given === value);
      }),
  );
}

function matchesPath(paths: NonNullable<HttpMatchIr['paths']>, path: string, allows: boolean): boolean {
  if (AMBIGUOUS.test(path)) return !allows;
  const same = (text: string) => (allows ? text : text.toLowerCase());
  return paths.some(({ type, value }) => {
    const [wanted, given] = [same(value), same(path)];
    return given === wanted || (type === 'Prefix' && given.startsWith(`${wanted}/`));
  });
}
