import {
  type BgpReportIr,
  type NameReport,
  type NodeReportIr,
  type PathFault,
  SERVICE_ROUTING,
} from '../model/node/report.ts';

export function encodeNodeReport(report: NodeReportIr): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(report));
}

/** Fields that an older or newer agent leaves out, or says in another way, are taken for unknown. */
export function parseNodeReport(body: Uint8Array): NodeReportIr {
  const said = objectOf(JSON.parse(new TextDecoder().decode(body)));
  const versions = objectOf(said['versions']);
  const podMtu = said['podMtu'];
  const bgp = said['bgp'];
  const openings = objectOf(said['policyOpenings']);
  const services = SERVICE_ROUTING.find((who) => who === said['services']);
  return {
    serving: said['serving'] === true,
    faults: textsOf(said['faults']),
    versions: { agent: textOf(versions['agent']), kernel: textOf(versions['kernel']) },
    ...(typeof podMtu === 'number' ? { podMtu } : {}),
    forwardDrops: textsOf(said['forwardDrops']),
    ...(services === undefined ? {} : { services }),
    ...(Array.isArray(said['foreignNetworks']) ? { foreignNetworks: textsOf(said['foreignNetworks']) } : {}),
    ...(Array.isArray(said['pathFaults']) ? { pathFaults: said['pathFaults'].flatMap(pathFaultOf) } : {}),
    ...(bgp === undefined ? {} : { bgp: parseBgp(objectOf(bgp)) }),
    ...(typeof openings['count'] === 'number'
      ? { policyOpenings: { count: openings['count'], lastMs: numberOf(openings['lastMs']) } }
      : {}),
    ...(Array.isArray(said['names']) ? { names: said['names'].map(objectOf).map(nameOf) } : {}),
  };
}

function parseBgp(said: Readonly<Record<string, unknown>>): BgpReportIr {
  const sessions: readonly unknown[] = Array.isArray(said['sessions']) ? said['sessions'] : [];
  return {
    asNumber: numberOf(said['asNumber']),
    sessions: sessions.map(objectOf).map((session) => ({
      address: textOf(session['address']),
      peer: textOf(session['peer']),
      asNumber: numberOf(session['asNumber']),
      state: textOf(session['state']),
      ...(typeof session['since'] === 'string' ? { since: session['since'] } : {}),
      imported: numberOf(session['imported']),
      exported: numberOf(session['exported']),
      message: textOf(session['message']),
    })),
  };
}

function nameOf(said: Readonly<Record<string, unknown>>): NameReport {
  const problem = objectOf(said['problem']);
  return {
    name: textOf(said['name']),
    addresses: numberOf(said['addresses']),
    ...('message' in problem
      ? { problem: { message: textOf(problem['message']), since: textOf(problem['since']) } }
      : {}),
  };
}

function pathFaultOf(said: unknown): PathFault[] {
  const { node, family, what, bytes } = objectOf(said);
  if (typeof node !== 'string' || typeof bytes !== 'number' || (family !== 4 && family !== 6)) return [];
  return what === 'Unreachable' || what === 'TooSmall' ? [{ node, family, what, bytes }] : [];
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
