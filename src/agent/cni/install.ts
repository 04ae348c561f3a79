import { copyFileSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Before other conflists in the order of names, which is how runtimes choose. */
export const CONFLIST_NAME = '05-weft.conflist';

/** 1.0.0 and no higher: containerd 1.6 and 1.7 refuse a list of 1.1.0. */
const CONFLIST = { cniVersion: '1.0.0', name: 'weft', plugins: [{ type: 'weft', capabilities: {} }] };

export interface CniFolders {
  /** /etc/cni/net.d of the node. */
  readonly config: string;
  /** /opt/cni/bin of the node. */
  readonly programs: string;
}

/** Puts the shim into place; a runtime that is just running the old one is not disturbed. */
export function installShim(folders: CniFolders, shim: string): void {
  const target = path.join(folders.programs, 'weft');
  if (existsSync(target) && readFileSync(target).equals(readFileSync(shim))) return;
  copyFileSync(shim, `${target}.new`);
  renameSync(`${target}.new`, target);
}

/** Makes the node Ready: call it only when an ADD can be served. Atomic, so that no runtime reads half a file. */
export function installConflist(folders: CniFolders): void {
  const target = path.join(folders.config, CONFLIST_NAME);
  writeFileSync(`${target}.new`, `${JSON.stringify(CONFLIST, null, 2)}\n`);
  renameSync(`${target}.new`, target);
}

/** Removes conflist, then shim: a runtime that still finds the conflist also finds the program. */
export function uninstallCni(folders: CniFolders): void {
  rmSync(path.join(folders.config, CONFLIST_NAME), { force: true });
  rmSync(path.join(folders.programs, 'weft'), { force: true });
}
