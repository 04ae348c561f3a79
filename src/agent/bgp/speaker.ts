import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Clock, sleep } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import type { BgpIr } from '../../model/node/ir.ts';
import type { BgpReportIr } from '../../model/node/report.ts';
import { type BirdFiles, startBird } from './bird-process.ts';
import { askBird, isBirdThere } from './control-socket.ts';
import { parseProtocols, type ProtocolState } from './parse-protocols.ts';
import { protocolName, renderBirdConfig } from './render-config.ts';

export interface BgpSpeakerOptions {
  /** Of BIRD's configuration and sockets; gone with a reboot, as routes are. */
  readonly folder: string;
  /** How BIRD is called. */
  readonly command: readonly string[];
  /** Takes out of the kernel what a BIRD that was killed has left there. */
  readonly removeRoutes: () => void;
  /** How old counts of routes may be, but for a session's first moments: each change of them is a write to the API. */
  readonly countEveryMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

const POLL_MS = 50;
/** For BIRD to come up, or to go. */
const PATIENCE_MS = 5_000;
const RESTART_MS = 1_000;

/**
 * The node's BGP: keeps one BIRD running and configured as the operators say. It outlives this process where it can,
 * and is found again by its socket; where it was killed, its successor takes over by graceful restart.
 */
export class BgpSpeaker {
  readonly #options: BgpSpeakerOptions;
  readonly #files: BirdFiles;
  #wanted: BgpIr | undefined;
  #states: ReadonlyMap<string, ProtocolState> = new Map();
  #countedMs = Number.NEGATIVE_INFINITY;
  #fault = '';
  #isLeft = false;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: BgpSpeakerOptions) {
    const file = (name: string) => path.join(options.folder, name);
    this.#options = options;
    this.#files = { config: file('bird.conf'), control: file('bird.ctl'), pid: file('bird.pid') };
  }

  /**
   * Undefined ends BGP on this node, and its routes. Sessions whose own part does not change stay up.
   *
   * @throws when BIRD does not start or refuses the configuration; what was in force stays so.
   */
  apply(bgp: BgpIr | undefined): Promise<void> {
    return this.#inTurn(async () => {
      this.#wanted = bgp;
      if (bgp === undefined) await this.#end();
      else await this.#configure(bgp);
    });
  }

  /** Of an agent that starts: ends, too, what was not ended before. Never rejects: `check` tries again what failed. */
  restore(bgp: BgpIr | undefined): Promise<void> {
    return this.apply(bgp).catch((error: unknown) => {
      this.#options.logger.error('no BGP', { reason: String(error) });
    });
  }

  /** Looks how the sessions are, and starts BIRD again when it is gone. Never rejects. */
  check(): Promise<void> {
    return this.#inTurn(async () => {
      const { control } = this.#files;
      if (this.#wanted === undefined || this.#isLeft) return;
      try {
        if (!(await isBirdThere(control))) await this.#configure(this.#wanted);
        this.#keep(parseProtocols(await askBird(control, 'show protocols all')));
        this.#fault = '';
      } catch (error) {
        this.#states = new Map();
        this.#fault = error instanceof Error ? error.message : String(error);
      }
    });
  }

  /** As of the last `check`; undefined while the node speaks no BGP. */
  report(): BgpReportIr | undefined {
    if (this.#wanted === undefined) return undefined;
    const sessions = this.#wanted.sessions.map(({ address, peer, asNumber }) => {
      const state = this.#states.get(protocolName(address));
      if (state === undefined)
        return { address, peer, asNumber, state: 'Down', imported: 0, exported: 0, message: this.#fault };
      const since = new Date(state.sinceSeconds * 1_000).toISOString().replace(/\.\d+Z$/, 'Z');
      const message = state.state === 'Established' ? '' : state.message;
      const { imported, exported } = state;
      return { address, peer, asNumber, state: state.state, since, imported, exported, message };
    });
    return { asNumber: this.#wanted.asNumber, sessions };
  }

  /** BIRD is left as it is: a later agent finds it again. */
  leave(): void {
    this.#isLeft = true;
  }

  #keep(states: readonly ProtocolState[]): void {
    const { clock, countEveryMs } = this.#options;
    const before = this.#states;
    const isTime = clock.monotonic() >= this.#countedMs + countEveryMs;
    if (isTime) this.#countedMs = clock.monotonic();
    const counted = states.map((state) => {
      const old = before.get(state.name);
      const isNew = clock.now() - state.sinceSeconds * 1_000 < countEveryMs;
      if (isTime || isNew || old === undefined || old.state !== state.state) return state;
      return { ...state, imported: old.imported, exported: old.exported };
    });
    this.#states = new Map(counted.map((state) => [state.name, state]));
  }

  async #configure(bgp: BgpIr): Promise<void> {
    const { config, control } = this.#files;
    const before = existsSync(config) ? readFileSync(config, 'utf8') : undefined;
    const text = renderBirdConfig(bgp);
    const isThere = await isBirdThere(control);
    if (isThere && before === text) return;
    this.#write(text);
    if (!isThere) return await this.#start(before !== undefined && bgp.gracefulRestartSeconds > 0);
    try {
      await askBird(control, 'configure');
    } catch (error) {
      if (before !== undefined) this.#write(before);
      throw error;
    }
  }

  async #start(isRestart: boolean): Promise<void> {
    const { command, clock, logger } = this.#options;
    const ended = startBird(command, this.#files, isRestart, (line) => logger.warn('BIRD says', { line }));
    let why: string | undefined;
    void ended.then((reason) => {
      why = reason;
      if (this.#wanted === undefined || this.#isLeft) return;
      logger.error('BIRD is gone; it is started again', { reason });
      clock.after(RESTART_MS, () => void this.check());
    });
    const isUp = await this.#until(async () => why !== undefined || (await isBirdThere(this.#files.control)));
    if (why !== undefined) throw new Error(`BIRD ${why}`);
    if (!isUp) throw new Error(`BIRD does not open ${this.#files.control} within ${PATIENCE_MS / 1_000} s`);
    logger.info('BIRD runs', { isRestart });
  }

  async #end(): Promise<void> {
    const { folder, removeRoutes } = this.#options;
    const { control, pid } = this.#files;
    if (!existsSync(folder)) return;
    if (await isBirdThere(control)) {
      const id = Number(readFileSync(pid, 'utf8'));
      // One that dies at this moment hangs up instead; one that stays is killed.
      await askBird(control, 'down').catch(() => undefined);
      const isGone = await this.#until(async () => !(await isBirdThere(control)));
      if (!isGone) process.kill(id, 'SIGKILL');
    }
    removeRoutes();
    rmSync(folder, { recursive: true });
    this.#states = new Map();
  }

  #write(text: string): void {
    const { config } = this.#files;
    mkdirSync(this.#options.folder, { recursive: true, mode: 0o700 });
    writeFileSync(`${config}.new`, text, { mode: 0o600 });
    renameSync(`${config}.new`, config);
  }

  async #until(holds: () => Promise<boolean>): Promise<boolean> {
    const { clock } = this.#options;
    for (const deadlineMs = clock.monotonic() + PATIENCE_MS; clock.monotonic() < deadlineMs; ) {
      if (await holds()) return true;
      await sleep(clock, POLL_MS);
    }
    return false;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }
}
