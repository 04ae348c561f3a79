import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import type { PodAttachment } from '../cni/attach.ts';
import type { Attachment } from '../cni/request.ts';

/** The pods that Weft was called for behind another CNI, on disk: their proxies are served again after a restart. */
export class ChainedAttachments {
  readonly #file: string;
  readonly #held: Map<string, PodAttachment>;

  constructor(file: string) {
    this.#file = file;
    this.#held = new Map(readAttachments(file).map((attachment) => [keyOf(attachment), attachment]));
  }

  all(): readonly PodAttachment[] {
    return [...this.#held.values()];
  }

  find(attachment: Attachment): PodAttachment | undefined {
    return this.#held.get(keyOf(attachment));
  }

  /** On disk when it returns. @throws the file system's error. */
  add(attachment: PodAttachment): void {
    this.#held.set(keyOf(attachment), attachment);
    this.#save();
  }

  remove(attachment: Attachment): void {
    if (this.#held.delete(keyOf(attachment))) this.#save();
  }

  /** Removes the file. */
  discard(): void {
    rmSync(this.#file, { force: true });
  }

  #save(): void {
    const next = `${this.#file}.new`;
    const fd = openSync(next, 'w', 0o600);
    writeSync(fd, JSON.stringify(this.all()));
    fsyncSync(fd);
    closeSync(fd);
    renameSync(next, this.#file);
  }
}

function keyOf({ containerId, ifname }: Attachment): string {
  return `${containerId}/${ifname}`;
}

/** None for a file that is not there or is damaged. */
function readAttachments(file: string): readonly PodAttachment[] {
  if (!existsSync(file)) return [];
  try {
    const read: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return Array.isArray(read) ? (read as readonly PodAttachment[]) : [];
  } catch {
    return [];
  }
}
