/** Requests that wait for an answer from whichever replica is primary. */
export class Asked<Answer> {
  readonly #waiting = new Map<string, { readonly send: () => void; readonly answer: PromiseWithResolvers<Answer> }>();

  /**
   * Sends now, and again at each `resend`, until answered. Rejects when `signal` aborts, with its reason.
   *
   * @param id  unique among the requests of this object.
   */
  ask(id: string, send: () => void, signal?: AbortSignal): Promise<Answer> {
    if (signal?.aborted === true) return Promise.reject(asError(signal.reason));
    const answer = Promise.withResolvers<Answer>();
    const give = () => this.#take(id)?.reject(asError(signal?.reason));
    signal?.addEventListener('abort', give, { once: true });
    this.#waiting.set(id, { send, answer });
    send();
    return answer.promise.finally(() => signal?.removeEventListener('abort', give));
  }

  answer(id: string, answer: Answer): void {
    this.#take(id)?.resolve(answer);
  }

  resend(): void {
    for (const { send } of this.#waiting.values()) send();
  }

  rejectAll(error: Error): void {
    for (const id of [...this.#waiting.keys()]) this.#take(id)?.reject(error);
  }

  #take(id: string): PromiseWithResolvers<Answer> | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting?.answer;
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
