import { copyFileSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { CAPABILITIES } from './runtime-config.ts';

/** Before other conflists in the order of names, which is how runtimes choose. */
export const CONFLIST_NAME = '05-weft.conflist';

/** 1.0.0 and no higher: containerd 1.6 and 1.7 refuse a list of 1.1.0. */
const CONFLIST = { cniVersion: '1.0.0', name: 'weft', plugins: [{ type: 'weft', capabilities: CAPABILITIES }] };

export interface CniFolders {
  /** /etc/cni/net.d of the node. */
  readonly config: string;
  /** /opt/cni/bin of the node. */
  readonly programs: string;
}

/** The CNI programs inside of the image. */
export interface CniPrograms {
  readonly shim: string;
  /** containerd 1.x wants a plugin of this name for every pod; it is put there only where a node has none. */
  readonly loopback: string;
}

/** Puts the shim into place; a runtime that is just running the old one is not disturbed. */
export function installPrograms(folders: CniFolders, { shim, loopback }: CniPrograms): void {
  install(shim, path.join(folders.programs, 'weft'));
  if (!existsSync(path.join(folders.programs, 'loopback'))) install(loopback, path.join(folders.programs, 'loopback'));
}

function install(source: string, target: string): void {
  if (isSame(source, target)) return;
  copyFileSync(source, `${target}.new`);
  renameSync(`${target}.new`, target);
}

function isSame(a: string, b: string): boolean {
  return existsSync(b) && readFileSync(b).equals(readFileSync(a));
}

/** Makes the node Ready: call it only when an ADD can be served. Atomic, so that no runtime reads half a file. */
export function installConflist(folders: CniFolders): void {
  const target = path.join(folders.config, CONFLIST_NAME);
  writeFileSync(`${target}.new`, `${JSON.stringify(CONFLIST, null, 2)}\n`);
  renameSync(`${target}.new`, target);
}

/** Removes conflist, then shim: a runtime that still finds the conflist also finds the program. */
export function uninstallCni(folders: CniFolders, programs: CniPrograms): void {
  rmSync(path.join(folders.config, CONFLIST_NAME), { force: true });
  rmSync(path.join(folders.programs, 'weft'), { force: true });
  const loopback = path.join(folders.programs, 'loopback');
  if (isSame(programs.loopback, loopback)) rmSync(loopback);
}
