import type { DeniedFlow } from '../model/policy/denied-flow.ts';

export function encodeFlows(flows: readonly DeniedFlow[]): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(flows));
}

/** @throws Error when the text is no list; what is no flow of it is left out. */
export function parseFlows(body: Uint8Array): DeniedFlow[] {
  const said: unknown = JSON.parse(new TextDecoder().decode(body));
  if (!Array.isArray(said)) throw new Error('the node tells of denied flows in a way that is not known here');
  return said.flatMap(parseFlow);
}

function parseFlow(value: unknown): DeniedFlow[] {
  const said = (typeof value === 'object' && value !== null ? value : {}) as Readonly<Record<string, unknown>>;
  const texts = ['policy', 'source', 'destination', 'protocol', 'first', 'last'] as const;
  const [policy, source, destination, protocol, first, last] = texts.map((field) => String(said[field] ?? ''));
  const { port, packets } = said;
  if (policy === undefined || source === undefined || destination === undefined) return [];
  if (protocol === undefined || first === undefined || last === undefined || typeof packets !== 'number') return [];
  return [
    {
      verdict: said['verdict'] === 'reject' ? 'reject' : 'deny',
      direction: said['direction'] === 'egress' ? 'egress' : 'ingress',
      ...{ policy, source, destination, protocol, packets, first, last },
      ...(typeof port === 'number' ? { port } : {}),
    },
  ];
}
