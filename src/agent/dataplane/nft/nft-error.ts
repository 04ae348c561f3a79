/** Which part of the wanted state the kernel would not take. */
export interface Culprit {
  readonly kind: 'set' | 'chain' | 'pod' | 'facts';
  /** Set or chain key, or host interface; for facts the name of the field. */
  readonly key: string;
}

/**
 * `Refused`: kernel or libnftables said no. `DanglingReference`: a chain names an absent set, or a pod an absent chain.
 * `BadName`: a key, interface or address that could not be written into the table safely. `LibraryMissing`:
 * libnftables.so.1 cannot be loaded.
 */
export type NftErrorCode = 'Refused' | 'DanglingReference' | 'BadName' | 'LibraryMissing';

/** The policy table could not be changed. What was in force before still is. */
export class NftError extends Error {
  readonly code: NftErrorCode;
  readonly culprit: Culprit | undefined;

  constructor(code: NftErrorCode, message: string, culprit?: Culprit, cause?: unknown) {
    const on = culprit === undefined ? '' : ` (${culprit.kind} ${culprit.key})`;
    super(`${message}${on}`, cause === undefined ? undefined : { cause });
    this.name = 'NftError';
    this.code = code;
    this.culprit = culprit;
  }
}
