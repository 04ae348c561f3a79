import { readFileSync } from 'node:fs';
import path from 'node:path';
import { systemErrorCode } from './dataplane/system-error.ts';

/** A program of the node that configures interfaces by itself. */
export interface LinkManager {
  readonly name: 'systemd-networkd' | 'NetworkManager';
  /** Below the node's /run: a file for each interface, named by its index. */
  readonly folder: string;
  /** What such a file has when the interface is under its care. */
  readonly managed: RegExp;
}

const MANAGERS: readonly LinkManager[] = [
  {
    name: 'systemd-networkd',
    folder: 'systemd/netif/links',
    managed: /^ADMIN_STATE=(configuring|configured|failed)$/m,
  },
  { name: 'NetworkManager', folder: 'NetworkManager/devices', managed: /^managed=true$/m },
];

/**
 * Interfaces of these that a program of the node manages, as `manager: interface name`. It would take addresses and
 * routes off them that are not its own.
 *
 * @param run the node's /run. @param links of this node.
 */
export function managedLinks(
  run: string,
  links: readonly { readonly name: string; readonly index: number }[],
): readonly { readonly manager: LinkManager['name']; readonly link: string }[] {
  return MANAGERS.flatMap(({ name: manager, folder, managed }) =>
    links
      .filter(({ index }) => managed.test(readIfThere(path.join(run, folder, String(index)))))
      .map(({ name: link }) => ({ manager, link })),
  );
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return '';
    throw error;
  }
}
