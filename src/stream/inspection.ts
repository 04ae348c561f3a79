import type { AttachmentInspection, NodeInspection, RestingAddress } from '../model/ipam/inspection.ts';

export function encodeInspection(inspection: NodeInspection): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(inspection));
}

/** @throws Error when the text is no inspection: to go on with a part of one could call held addresses free. */
export function parseInspection(body: Uint8Array): NodeInspection {
  const said = objectOf(JSON.parse(new TextDecoder().decode(body)));
  return {
    blocks: textsOf(said['blocks']),
    // An older agent lends nothing.
    lent: textsOf(said['lent'] ?? []),
    attachments: listOf(said['attachments']).map(parseAttachment),
    resting: listOf(said['resting']).map(parseResting),
    strayLinks: textsOf(said['strayLinks']),
    strayRoutes: textsOf(said['strayRoutes']),
  };
}

function parseAttachment(value: unknown): AttachmentInspection {
  const said = objectOf(value);
  return {
    podUid: textOf(said['podUid']),
    containerId: textOf(said['containerId']),
    ifname: textOf(said['ifname']),
    addresses: textsOf(said['addresses']),
    hostInterface: textOf(said['hostInterface']),
    isAlive: said['isAlive'] !== false,
    faults: textsOf(said['faults']),
  };
}

function parseResting(value: unknown): RestingAddress {
  const said = objectOf(value);
  return {
    address: textOf(said['address']),
    lastPodUid: textOf(said['lastPodUid']),
    restsForMs: Number(said['restsForMs']),
    isAcknowledged: said['isAcknowledged'] === true,
  };
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) throw notThat(value);
  return value as Readonly<Record<string, unknown>>;
}

function listOf(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw notThat(value);
  return value;
}

function textsOf(value: unknown): readonly string[] {
  return listOf(value).map(textOf);
}

function textOf(value: unknown): string {
  if (typeof value !== 'string') throw notThat(value);
  return value;
}

function notThat(value: unknown): Error {
  return new Error(`the node's account of its addresses has an unexpected ${typeof value}; update its agent`);
}
