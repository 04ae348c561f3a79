import { familyOf } from '../../../../lib/ip.ts';
import type { HostPort } from '../../../../model/node/host-ports.ts';
import type { PodWiring } from '../../../../model/node/pod-wiring.ts';
import type { TableElement } from '../element-table.ts';
import { checkedAddress } from '../names.ts';

/** An attachment, as far as ports of the node lead to it. */
export interface PortHolder {
  readonly podUid: string;
  readonly ifname: string;
  readonly hostInterface: string;
  readonly addresses: readonly string[];
  readonly wiring?: PodWiring;
}

const NUMBERS: Readonly<Record<HostPort['protocol'], number>> = { TCP: 6, UDP: 17, SCTP: 132 };

/** @throws NftError `BadName` for what is no address. */
export function elementsOf({ addresses, hostInterface, wiring }: PortHolder): TableElement[] {
  const ports = wiring?.hostPorts ?? [];
  return addresses.flatMap((address) => {
    const family = familyOf(checkedAddress(address, { kind: 'pod', key: hostInterface }));
    const mapped = ports.filter(({ hostIp }) => hostIp === undefined || familyOf(hostIp) === family);
    if (mapped.length === 0) return [];
    return [
      { set: `hairpin${family}`, text: `${address} . ${address}` },
      ...mapped.map(({ protocol, hostIp, hostPort, containerPort }): TableElement => {
        const [key, target] = [`${NUMBERS[protocol]} . ${hostPort}`, `${address} . ${containerPort}`];
        return hostIp === undefined
          ? { set: `any${family}`, text: `${key} : ${target}` }
          : { set: `bound${family}`, text: `${hostIp} . ${key} : ${target}` };
      }),
    ];
  });
}

/** The port that an element of a map says, and the address it leads to; undefined for other elements. */
export function portOf({ set, text }: TableElement): { readonly address: string; readonly port: HostPort } | undefined {
  const match = /^(?:(\S+) \. )?(\d+) \. (\d+) : (\S+) \. (\d+)$/.exec(text);
  const protocol = Object.entries(NUMBERS).find(([, number]) => String(number) === match?.[2])?.[0];
  if (match === null || protocol === undefined) return undefined;
  const [, hostIp, , hostPort, address = '', containerPort] = match;
  if (set.startsWith('bound') !== (hostIp !== undefined)) return undefined;
  const plain = { hostPort: Number(hostPort), containerPort: Number(containerPort) };
  const named = protocol as HostPort['protocol'];
  return { address, port: { protocol: named, ...plain, ...(hostIp === undefined ? {} : { hostIp }) } };
}
