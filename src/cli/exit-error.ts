/** Ends the command with a code of its own. */
export class ExitError extends Error {
  readonly code: number;

  constructor(message: string, code: number) {
    super(message);
    this.name = 'ExitError';
    this.code = code;
  }
}
