import type { JudgedEndpoint, RouteLook } from '../model/mesh/way/route-look.ts';
import { ruleName } from '../model/mesh/way/rule-name.ts';
import type { InboundPortIr } from '../model/node/ir.ts';
import type { CallReport } from './explain-call.ts';
import { renderTable } from './table.ts';

/** Pure. */
export function renderCall(report: CallReport): string {
  const { from, to, result, caller, rules, routes, conditions, flags } = report;
  const table = rules.map(({ asks, outcome, why, ...rule }, at) => [
    ...[String(at + 1), ruleName(rule), asks],
    outcome === 'decides' ? 'DECIDES' : outcome,
    why,
  ]);
  return [
    `${from} → ${to}: ${result}`,
    [renderCaller(report), renderService(report)].join('\n'),
    ...(rules.length === 0
      ? []
      : [`Rules, in the order they are met:\n${renderTable(['', 'RULE OF', 'ASKS FOR', '', 'WHY NOT'], table)}`]),
    ...routes.flatMap((route) => renderRoute(route, caller.zone)),
    ...(conditions.length === 0
      ? []
      : [
          `Not True:\n${renderTable(
            ['OBJECT', 'CONDITION', 'REASON', 'MESSAGE'],
            conditions.map((of) => [of.object, `${of.type} ${of.status}`, of.reason, of.message]),
          )}`,
        ]),
    ...flags.map(renderFlag),
  ].join('\n\n');
}

function renderCaller({ from, caller, past }: CallReport): string {
  const zone = caller.zone === undefined ? '' : `, in zone ${caller.zone}`;
  const proxy = caller.hasProxy ? `its proxy is ${caller.identity}${zone}` : `no proxy${zone}`;
  return `Caller: ${from}, ${proxy}.${past === undefined ? '' : `\nPast the mesh: ${past}.`}`;
}

function renderService({ service }: CallReport): string {
  const { name, port, protocol, protocolSource, addresses, hosts } = service;
  const at = addresses.length === 0 ? '' : `, at ${addresses.join(', ')}`;
  const names = hosts.length === 0 ? '' : `; ${hosts.join(', ')} to pods of its namespace that have a proxy`;
  return `Called: ${name}${at}${names}. Port ${port} speaks ${protocol}, says ${protocolSource}.`;
}

function renderRoute({ effects, answer, backends, ...rule }: RouteLook, callerZone: string | undefined): string[] {
  const does = answer === undefined ? effects : [answer, ...effects];
  const heading = `${ruleName(rule)}${does.length === 0 ? '' : `: ${does.join('; ')}`}.`;
  if (backends.length === 0) return [heading];
  const shares = backends.map(({ name, weight, percent, endpoints, cluster, failure }) => [
    ...[name, String(weight), `${Number(percent.toFixed(1))} %`],
    cluster?.dns === undefined ? String(endpoints.length) : 'found by nodes',
    failure ?? '',
  ]);
  return [
    `${heading}\n${renderTable(['BACKEND', 'WEIGHT', 'SHARE', 'ENDPOINTS', ''], shares)}`,
    ...backends.flatMap(({ name, settings, endpoints, leftOut }) => {
      const rows = [
        ...endpoints.map((endpoint) => endpointRow(endpoint, callerZone)),
        ...leftOut.map(({ address, pod = '-', why }) => [address, pod, '-', '-', 'not called', why]),
      ];
      const title = `Endpoints of ${name}${settings.length === 0 ? '' : `: ${settings.join('; ')}`}.`;
      const columns = ['ENDPOINT', 'POD', 'NODE', 'ZONE', 'CALLED BY', 'ITS SIDE'];
      return rows.length === 0 ? [] : [`${title}\n${renderTable(columns, rows)}`];
    }),
  ];
}

function endpointRow(endpoint: JudgedEndpoint, callerZone: string | undefined): string[] {
  const { address, port, pod = '-', node = '-', zone, weight, calledBy, identity, server, refusal, policy } = endpoint;
  const host = address.includes(':') ? `[${address}]` : address;
  const share = weight === 1 ? '' : `, weight ${weight}`;
  const place = zone === undefined ? '-' : zone === callerZone ? `${zone}, first` : zone;
  const by = identity === undefined ? calledBy : `${calledBy} with ${identity}`;
  const proxy = server === undefined ? 'no proxy' : serverText(server);
  const sides = [proxy, ...(refusal === undefined ? [] : [`REFUSED: ${refusal}`])];
  const policies = policy.isAllowed ? policy.why : `REFUSED: ${policy.why}`;
  return [`${host}:${port}${share}`, pod, node, place, by, [...sides, policies].join('; ')];
}

function serverText({ protocol, tlsMode, rateLimit }: InboundPortIr): string {
  const limit =
    rateLimit === undefined
      ? ''
      : `, at most ${rateLimit.requestsPerSecond} requests a second (${rateLimit.burst} at once)`;
  return `${tlsMode}, reads ${protocol}${limit}`;
}

const WHOSE = {
  caller: "the caller's proxy (access logs are of called pods' proxies: weft proxy config CALLER stats counts it)",
  called: "the called pod's proxy",
  both: "the caller's proxy, or the called pod's",
  nowhere: 'no proxy of Weft',
} as const;

function renderFlag({ flag, name, at, means, here, next }: CallReport['flags'][number]): string {
  const made = here.length === 0 ? ['  nothing that the objects of this way show'] : here.map((line) => `  ${line}`);
  return [`Flag ${flag} (${name}): ${means}.`, `Whose: ${WHOSE[at]}.`, 'Here:', ...made, `Next: ${next}.`].join('\n');
}
