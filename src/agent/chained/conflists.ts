import { chmodSync, readdirSync, readFileSync, renameSync, rmSync, statSync, watch, writeFileSync } from 'node:fs';
import path from 'node:path';
import { CONFLIST_NAME } from '../cni/install.ts';
import { withoutWeft, withWeft } from './conflist.ts';

/** What a runtime reads; it takes the first by name. */
const EXTENSIONS = ['.conf', '.conflist', '.json'];

/**
 * Makes Weft the last plugin of the configuration that the runtime takes, atomically. Weft's own list of a time when it
 * was the only network is removed. @returns why it cannot, or undefined when it is so.
 */
export function chainInto(folder: string): string | undefined {
  rmSync(path.join(folder, CONFLIST_NAME), { force: true });
  const [name] = configurations(folder);
  if (name === undefined) return `there is no configuration of another CNI in ${folder}: install that first`;
  if (!name.endsWith('.conflist')) {
    return `${path.join(folder, name)} is no list of plugins: have that CNI write a .conflist`;
  }
  return rewrite(path.join(folder, name), withWeft);
}

/** Takes Weft out of all configurations; what could not be changed. */
export function unchain(folder: string): readonly string[] {
  const lists = configurations(folder).filter((name) => name.endsWith('.conflist'));
  return lists.flatMap((name) => rewrite(path.join(folder, name), withoutWeft) ?? []);
}

/** Calls back whenever a file of the folder changes, until `signal` aborts. */
export function watchConfigurations(folder: string, changed: () => void, signal: AbortSignal): void {
  watch(folder, { signal, persistent: false }, changed).on('error', () => undefined);
}

function configurations(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => EXTENSIONS.includes(path.extname(name)) && name !== CONFLIST_NAME)
    .sort();
}

function rewrite(file: string, change: (text: string) => string | undefined): string | undefined {
  try {
    const text = change(readFileSync(file, 'utf8'));
    if (text === undefined) return undefined;
    // No runtime reads a file that ends so, and none reads half a file.
    const next = `${file}.weft-new`;
    writeFileSync(next, text);
    chmodSync(next, statSync(file).mode);
    renameSync(next, file);
    return undefined;
  } catch (error) {
    return `cannot change ${file}: ${error instanceof Error ? error.message : String(error)}`;
  }
}
