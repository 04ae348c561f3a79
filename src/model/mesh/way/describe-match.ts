import type { RouteMatchIr } from '../../node/ir.ts';
import type { ValueMatchIr } from '../../node/sending-ir.ts';

/** What a rule asks of a call, in words. */
export function describeMatches(matches: readonly RouteMatchIr[]): string {
  return matches.length === 0 ? 'every call' : matches.map(describeMatch).join(' or ');
}

const PATH = { Exact: 'path', Prefix: 'path below', Regex: 'path like' } as const;
const VALUE = { Exact: '', Prefix: 'begins with ', Regex: 'like ', Present: 'is there' } as const;

function describeMatch({ path, method, headers, cookies = [], query = [], source }: RouteMatchIr): string {
  const values = (what: string, all: readonly ValueMatchIr[]) =>
    all.map(
      ({ name, type, value, not }) => `${not === true ? 'not ' : ''}${what} ${name} ${VALUE[type ?? 'Exact']}${value}`,
    );
  const { namespace, serviceAccount } = source ?? {};
  return [
    ...(path === undefined ? [] : [`${PATH[path.type]} ${path.value}`]),
    ...(method === undefined ? [] : [`method ${method}`]),
    ...values('header', headers),
    ...values('cookie', cookies),
    ...values('query', query),
    ...(namespace === undefined ? [] : [`from namespace ${namespace}`]),
    ...(serviceAccount === undefined ? [] : [`from service account ${serviceAccount}`]),
  ].join(', ');
}
