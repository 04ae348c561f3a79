import type { AddressCheck, IpamAnswer } from '../model/ipam/ask.ts';
import type { AddressUsage, Usage } from '../model/ipam/usage.ts';
import { renderTable } from './table.ts';

/** The answer for people; `isWell`: nothing is left to be put right. */
export function renderIpam(answer: IpamAnswer): { readonly text: string; readonly isWell: boolean } {
  switch (answer.what) {
    case 'usage':
      return { text: renderUsage(answer.usage, answer.blocksLeftOff), isWell: true };
    case 'address':
      return { text: renderAddress(answer.address), isWell: true };
    case 'check':
      return { text: renderCheck(answer.check), isWell: isWell(answer) };
    case 'refusal':
      return { text: `refused: ${answer.message}`, isWell: false };
    default:
      throw new Error('no answer to that');
  }
}

/** As `renderIpam`; the text is the answer as JSON. */
export function renderIpamJson(answer: IpamAnswer): { readonly text: string; readonly isWell: boolean } {
  const { what: _, ...fields } = answer;
  return { text: JSON.stringify(fields, null, 2), isWell: isWell(answer) };
}

function isWell(answer: IpamAnswer): boolean {
  if (answer.what === 'refusal') return false;
  return answer.what !== 'check' || answer.check.findings.every(({ isNote }) => isNote);
}

function renderUsage({ pools, blocks, notAsked }: Usage, blocksLeftOff: number): string {
  const poolRows = pools.map(({ pool, cidr, blocks: own, blocksInAll, held, resting, capacity }) => [
    ...[pool, cidr, `${own} of ${blocksInAll}`, String(held), String(resting), String(capacity)],
  ]);
  const blockRows = blocks.map(({ node, block, pool, lender, use }) => {
    const counts = use === undefined ? ['?', '?', '?'] : [use.held, use.resting, use.free].map(String);
    return [node, lender === undefined ? block : `${block} (borrowed from ${lender})`, pool, ...counts];
  });
  const away = notAsked.map(({ node, reason }) => `${node} could not be asked, and is not counted: ${reason}`);
  return [
    section('Pools', ['POOL', 'CIDR', 'BLOCKS', 'HELD', 'RESTING', 'CAPACITY'], poolRows),
    section('Blocks', ['NODE', 'BLOCK', 'POOL', 'HELD', 'RESTING', 'FREE'], blockRows),
    ...(blocksLeftOff === 0 ? [] : [`${blocksLeftOff} more blocks: kubectl get ipblocks`]),
    ...(away.length === 0 ? [] : [away.join('\n')]),
  ].join('\n\n');
}

const STATES: Readonly<Record<AddressUsage['state'], string>> = {
  held: 'held',
  resting: 'rests: nobody else is given it yet',
  free: 'free',
  reserved: 'never given to a pod: reserved, or the first of its block',
  unclaimed: 'free, in a block that no node owns yet',
  outside: 'in no IPPool',
  unknown: 'not known',
};

function renderAddress({ address, state, pool, block, node, holders }: AddressUsage): string {
  const rows = [
    ['state', STATES[state]],
    ...holders.map((holder) => ['', holder]),
    ['pool', pool === '' ? '-' : pool],
    ['block', block === '' ? '-' : `${block} of ${node}`],
  ];
  return renderTable(['address', address], rows);
}

function renderCheck({ findings, findingsLeftOff, repaired, refused }: AddressCheck): string {
  const rows = findings.map(({ kind, isNote, node, subject, message, nextStep }) => {
    return [isNote ? 'note' : 'problem', kind, node === '' ? '-' : node, subject, message, nextStep];
  });
  const heading = ['', 'FINDING', 'NODE', 'OF', 'WHAT', 'NEXT'];
  const problems = findings.filter(({ isNote }) => !isNote).length + findingsLeftOff;
  return [
    ...(repaired.length === 0 ? [] : [`Put right:\n${indented(repaired)}`]),
    ...(refused.length === 0 ? [] : [`Left as it is:\n${indented(refused)}`]),
    ...(rows.length === 0 ? [] : [renderTable(heading, rows)]),
    ...(findingsLeftOff === 0 ? [] : [`${findingsLeftOff} more are not shown; put these right first`]),
    problems === 0
      ? 'no problems: API objects, leases and kernels agree'
      : `${problems} problems, each found by two looks 3 s apart`,
  ].join('\n\n');
}

function section(title: string, heading: readonly string[], rows: readonly (readonly string[])[]): string {
  return `${title}\n${rows.length === 0 ? 'none' : renderTable(heading, rows)}`;
}

function indented(lines: readonly string[]): string {
  return lines.map((line) => `  ${line}`).join('\n');
}
