import os from 'node:os';
import path from 'node:path';

export const ROOT = path.resolve(import.meta.dirname, '../..');

/** What costs minutes to make and depends on pinned versions only: shared by all checkouts of one user. */
export const CACHE = path.join(process.env['XDG_CACHE_HOME'] ?? path.join(os.homedir(), '.cache'), 'weft-lab');

/** Programs of the lab under their own names; first on the PATH of everything the lab starts. */
export const BIN = path.join(CACHE, 'bin');

/** State of running lab clusters, one folder each. */
export const STATE = '/var/lib/weft-lab';
