import { gunzipSync } from 'node:zlib';
import { type Command, Option } from 'commander';
import type { IpamAnswer, IpamAsk } from '../model/ipam/ask.ts';
import { PROXY_PARTS, type ProxyPart, type ProxySummary } from '../model/mesh/proxy-view.ts';
import { renderTable } from './table.ts';

export interface ProxyPorts {
  readonly print: (text: string) => void;
  readonly askIpam: (namespace: string, ask: IpamAsk) => Promise<IpamAnswer>;
}

interface Options {
  readonly namespace: string;
  readonly output: 'table' | 'json';
  readonly filter: string;
}

/** `weft proxy status` and `weft proxy config`. */
export function addProxy(program: Command, { print, askIpam }: ProxyPorts, exit: (code: number) => void): void {
  const proxy = program
    .command('proxy')
    .description("Pods' proxies: whether they have what they should, and what that is.");
  proxy
    .command('status [pod]')
    .description('How far each proxy is with what it was told, and what it refuses; POD is NAMESPACE/NAME.')
    .option('-n, --namespace <name>', 'where Weft is installed', 'weft-system')
    .addOption(new Option('-o, --output <format>').choices(['table', 'json']).default('table'))
    .addHelpText(
      'after',
      '\nEnds with code 1 when a proxy refuses something or lags behind, or a pod should have one and has none.',
    )
    .action(async (pod: string | undefined, { namespace, output }: Options) => {
      const answer = await askIpam(namespace, { what: 'proxies', ...(pod === undefined ? {} : { pod }) });
      if (answer.what !== 'proxies') throw new Error(answer.what === 'refusal' ? answer.message : 'no answer to that');
      print(output === 'json' ? JSON.stringify(answer.proxies, undefined, 2) : renderProxies(answer));
      exit(answer.proxies.every(isInStep) && answer.without.length === 0 ? 0 : 1);
    });
  proxy
    .command('config <pod> [part]')
    .description(`What a pod's proxy has, as Envoy says it: ${PROXY_PARTS.join(', ')}. POD is NAMESPACE/NAME.`)
    .option('--filter <regex>', 'only what has a name that it finds (RE2)', '')
    .option('-n, --namespace <name>', 'where Weft is installed', 'weft-system')
    .addHelpText(
      'after',
      '\nWithout PART it is clusters. Private keys are never shown. Names are NAMESPACE/SERVICE:PORT, with |SUBSET behind\nthose of subsets.\n\n  weft proxy config shop/web-1 routes --filter shop/web',
    )
    .action(async (pod: string, part: string | undefined, { namespace, filter }: Options) => {
      const answer = await askIpam(namespace, { what: 'proxy', pod, part: parsePart(part), filter });
      if (answer.what !== 'proxy') throw new Error(answer.what === 'refusal' ? answer.message : 'no answer to that');
      print(gunzipSync(Buffer.from(answer.body, 'base64')).toString('utf8').trimEnd());
      exit(0);
    });
}

function parsePart(text = 'clusters'): ProxyPart {
  const part = PROXY_PARTS.find((each) => each === text);
  if (part === undefined) throw new Error(`'${text}' is no part of a proxy; there are ${PROXY_PARTS.join(', ')}`);
  return part;
}

function renderProxies({
  proxies,
  proxiesLeftOff,
  without,
}: Extract<IpamAnswer, { readonly what: 'proxies' }>): string {
  if (proxies.length === 0 && without.length === 0)
    return 'No pod has a proxy. Label a namespace to get some: weft.dev/inject=enabled';
  const rows = proxies.map((proxy) => [
    proxy.pod,
    proxy.node,
    stateOf(proxy),
    `${proxy.acknowledged} of ${proxy.told}`,
  ]);
  const refusals = proxies.flatMap(({ pod, refused }) => refused.map((words) => `${pod} refuses ${words}`));
  const rest = proxiesLeftOff === 0 ? [] : [`${proxiesLeftOff} more have everything, or lag less.`];
  const missing = without.map(
    (pod) => `${pod} should have a proxy and has none: delete it, and its successor gets one`,
  );
  return [renderTable(['POD', 'NODE', 'STATE', 'HAS'], rows), ...refusals, ...rest, ...missing].join('\n');
}

function stateOf({ isReachable, told, acknowledged, refused }: ProxySummary): string {
  if (!isReachable) return 'unknown: its agent is away';
  if (refused.length > 0) return `refuses ${refused.length}`;
  return acknowledged === told ? 'in step' : `waits for ${told - acknowledged}`;
}

function isInStep({ told, acknowledged }: ProxySummary): boolean {
  return acknowledged === told;
}
