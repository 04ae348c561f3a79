import { ownTransactions } from './own-transactions.ts';
import koffi, { type KoffiFunc } from 'koffi';
import { type Culprit, NftError } from './nft-error.ts';

/** One command of nft's language, without a line break in it, and whom to blame when it is refused. */
export interface NftLine {
  readonly text: string;
  readonly culprit?: Culprit;
}

const LIBRARY = 'libnftables.so.1';
/** Of libnftables' words, which may hold a whole command. */
const ERROR_CHARACTERS = 300;

/** libnftables.h. */
const OUTPUT_NUMERIC_PROTO = 1 << 7;

type Context = unknown;

interface Library {
  readonly newContext: (flags: number) => Context;
  readonly freeContext: (context: Context) => void;
  readonly bufferOutput: (context: Context) => number;
  readonly bufferError: (context: Context) => number;
  readonly errorText: (context: Context) => string;
  readonly outputText: (context: Context) => string;
  readonly setOutputFlags: (context: Context, flags: number) => void;
  readonly setDryRun: (context: Context, dry: boolean) => void;
  readonly run: KoffiFunc<(context: Context, text: string) => number>;
}

let loaded: Library | undefined;

function library(): Library {
  if (loaded !== undefined) return loaded;
  try {
    const file = koffi.load(LIBRARY);
    loaded = {
      newContext: file.func('void *nft_ctx_new(uint32_t flags)'),
      freeContext: file.func('void nft_ctx_free(void *context)'),
      bufferOutput: file.func('int nft_ctx_buffer_output(void *context)'),
      bufferError: file.func('int nft_ctx_buffer_error(void *context)'),
      errorText: file.func('const char *nft_ctx_get_error_buffer(void *context)'),
      outputText: file.func('const char *nft_ctx_get_output_buffer(void *context)'),
      setOutputFlags: file.func('void nft_ctx_output_set_flags(void *context, unsigned int flags)'),
      setDryRun: file.func('void nft_ctx_set_dry_run(void *context, bool dry)'),
      run: file.func('int nft_run_cmd_from_buffer(void *context, const char *text)'),
    };
  } catch (error) {
    throw new NftError('LibraryMissing', `cannot load ${LIBRARY}: install nftables 1.0.6 or newer`, undefined, error);
  }
  return loaded;
}

/** libnftables in the network namespace that was the thread's when this was made. One command at a time. */
export class NftContext {
  readonly #library = library();
  readonly #context: Context;
  readonly #own = ownTransactions();

  constructor() {
    this.#context = this.#library.newContext(0);
    this.#library.bufferOutput(this.#context);
    this.#library.bufferError(this.#context);
  }

  /** All of `lines` in one transaction, or none. Blocks. @throws NftError `Refused`. */
  run(lines: readonly NftLine[]): void {
    if (lines.length > 0) this.#require(this.#library.run(this.#context, joined(lines)), lines);
  }

  /** As `run`, on a thread of libuv's pool. */
  async runOnPoolThread(lines: readonly NftLine[]): Promise<void> {
    if (lines.length === 0) return;
    this.#own.underWay += 1;
    try {
      const result = await new Promise<number>((resolve, reject) => {
        this.#library.run.async(this.#context, joined(lines), (error: unknown, value: number) => {
          if (error) reject(error);
          else resolve(value);
        });
      });
      this.#require(result, lines);
    } finally {
      this.#own.underWay -= 1;
    }
  }

  /** What `command` prints, with numbers for protocols. Blocks. @throws NftError `Refused`. */
  list(command: string): string {
    this.#library.setOutputFlags(this.#context, OUTPUT_NUMERIC_PROTO);
    const failed = this.#library.run(this.#context, `${command}\n`) !== 0;
    if (failed) throw new NftError('Refused', `nftables refused: ${this.#said()}`);
    return this.#library.outputText(this.#context);
  }

  close(): void {
    this.#library.freeContext(this.#context);
  }

  #require(result: number, lines: readonly NftLine[]): void {
    if (result === 0) {
      this.#own.count += 1;
      return;
    }
    const said = this.#said();
    throw new NftError('Refused', `nftables refused: ${said}`, this.#blame(lines));
  }

  /**
   * 1.0.6 points at the first line whatever the culprit. So each culprit's lines are tried alone, behind the lines
   * that are nobody's, in check mode: the first that is refused again is it.
   */
  #blame(lines: readonly NftLine[]): Culprit | undefined {
    const culprits = new Map(
      lines.flatMap(({ culprit }) => (culprit ? [[`${culprit.kind} ${culprit.key}`, culprit]] : [])),
    );
    this.#library.setDryRun(this.#context, true);
    try {
      for (const { kind, key } of culprits.values()) {
        const own = lines.filter(({ culprit: c }) => c === undefined || (c.kind === kind && c.key === key));
        if (this.#library.run(this.#context, joined(own)) !== 0) return { kind, key };
      }
      return undefined;
    } finally {
      this.#library.setDryRun(this.#context, false);
    }
  }

  /** `Error: what is wrong`, then an echo of a command and a line of carets. */
  #said(): string {
    const words = this.#library.errorText(this.#context);
    return (/Error: ([^\n]*)/.exec(words)?.[1] ?? words).slice(0, ERROR_CHARACTERS);
  }
}

function joined(lines: readonly NftLine[]): string {
  return `${lines.map(({ text }) => text).join('\n')}\n`;
}
