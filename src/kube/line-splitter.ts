import { StringDecoder } from 'node:string_decoder';

/** Cuts a byte stream at line feeds; a character or a line may be spread over any number of chunks. */
export class LineSplitter {
  readonly #decoder = new StringDecoder('utf8');
  readonly #onLine: (line: string) => void;
  #rest = '';

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  /** Calls back once for each line that `chunk` completes, without its line feed; blank lines are left out. */
  push(chunk: Buffer): void {
    const text = this.#decoder.write(chunk);
    let from = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      const line = this.#rest + text.slice(from, end);
      this.#rest = '';
      from = end + 1;
      if (line.trim() !== '') this.#onLine(line);
    }
    this.#rest += text.slice(from);
  }
}
