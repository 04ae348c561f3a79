import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import type { PodIr } from '../../model/node/ir.ts';
import { hostInterfaceName } from '../../model/node/names.ts';
import type { Problem } from '../../model/problem.ts';
import type { PodWaiter } from './pods.ts';
import { type Attachment, CNI_ERROR, CniError, type CniRequest } from './request.ts';
import { encodeAddResult } from './result.ts';

/** An attachment as it is on this node: what its kernel state is made from. */
export interface PodAttachment extends Attachment {
  readonly podUid: string;
  readonly netns: string;
  readonly hostInterface: string;
  readonly address: string;
}

/** Addresses of this node; each change is on disk before the call returns. */
export interface LeaseBook {
  allocate(request: Attachment & { readonly podUid: string; readonly netns: string }): PodAttachment | Problem;
  find(attachment: Attachment): PodAttachment | undefined;
  all(): readonly PodAttachment[];
  release(attachment: Attachment): void;
}

/** The node's kernel, as far as attachments go. Each call is safe to repeat. */
export interface PodDataplane {
  /** Policy, mesh redirect and proxy listener first, the link last: not one packet passes before its policy. */
  connect(pod: PodIr, attachment: PodAttachment): Promise<void>;
  disconnect(attachment: PodAttachment): Promise<void>;
  /** Those whose link or route on the node is gone, while their namespace is there. */
  unwired(attachments: readonly PodAttachment[]): readonly PodAttachment[];
  /** Makes the link and its routes anew, where they are not as they should be. */
  rewire(attachment: PodAttachment): void;
  /** What of the attachment is not as it was made, as sentences. */
  check(attachment: PodAttachment): readonly string[];
}

export interface AttachDeps {
  readonly pods: PodWaiter;
  readonly leases: LeaseBook;
  readonly dataplane: PodDataplane;
  /** Why no ADD could be served, or undefined. An absent operator or a full pool is no reason: it would make the node NotReady. */
  readonly broken: () => string | undefined;
  /** Tells the operators of leases made and given back. */
  readonly leasesChanged: () => void;
  /**
   * Resolves when the nodes whose policies name the pod let it in, so that its first packet passes, or have had time
   * enough. To be called once the lease is told. Never rejects.
   */
  readonly announced: (attachment: PodAttachment) => Promise<void>;
  /** Asks the operators for a further block, if none is asked for. */
  readonly requestBlock: () => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** An ADD waits this long for its pod, its policy and an address before it says "try again later" (the kubelet waits 2 minutes). */
const ADD_PATIENCE_MS = 90_000;
const ADDRESS_RETRY_MS = 100;

/** The verbs of CNI. ADDs of different containers run side by side; a DEL waits for an ADD of its own attachment. */
export class Attacher {
  readonly #deps: AttachDeps;
  readonly #running = new Map<string, Promise<unknown>>();

  constructor(deps: AttachDeps) {
    this.#deps = deps;
  }

  readonly handle = (request: CniRequest, signal: AbortSignal): Promise<object | undefined> => {
    switch (request.command) {
      case 'ADD':
        return this.#exclusive(request, () => this.#add(request, signal));
      case 'DEL':
        return this.#exclusive(request, () => this.#delete(request));
      case 'CHECK':
        return this.#exclusive(request, async () => this.#check(request));
      case 'GC':
        return this.collect(request.validAttachments).then(() => undefined);
      case 'STATUS':
        return this.#status();
    }
  };

  /** Gives back everything that is not listed: for the runtime's GC, and for the agent's own. */
  async collect(valid: readonly Attachment[]): Promise<void> {
    const keep = new Set(valid.map(keyOf));
    const stale = this.#deps.leases.all().filter((attachment) => !keep.has(keyOf(attachment)));
    for (const attachment of stale) await this.#exclusive(attachment, () => this.#delete(attachment));
    if (stale.length > 0) this.#deps.logger.info('stale attachments removed', { count: stale.length });
  }

  /** Puts back links and routes that others have taken away; those of how many attachments. */
  async repair(): Promise<number> {
    const { leases, dataplane } = this.#deps;
    let repaired = 0;
    for (const { containerId, ifname } of dataplane.unwired(leases.all())) {
      await this.#exclusive({ containerId, ifname }, async () => {
        // What ran meanwhile may have made it, or taken it away for good.
        const attachment = leases.find({ containerId, ifname });
        if (attachment === undefined || dataplane.unwired([attachment]).length === 0) return;
        dataplane.rewire(attachment);
        repaired += 1;
      });
    }
    return repaired;
  }

  async #add(request: CniRequest, signal: AbortSignal): Promise<object> {
    const { pods, dataplane, clock } = this.#deps;
    if (request.pod === undefined) throw new CniError(CNI_ERROR.invalidEnvironment, 'CNI_ARGS must name the pod');
    const deadline = clock.monotonic() + ADD_PATIENCE_MS;
    const name = `${request.pod.namespace}/${request.pod.name}`;
    const pod = await pods.wait(request.pod, ADD_PATIENCE_MS, signal);
    if (pod === undefined) {
      throw new CniError(
        CNI_ERROR.tryAgainLater,
        `no operator has told this node of pod ${name} and its policy yet`,
        'A pod starts only with its policy. See: kubectl -n weft-system get pods',
      );
    }
    const { containerId, ifname, netns } = request;
    const attachment = await this.#lease({ containerId, ifname, netns, podUid: pod.uid }, deadline, signal);
    this.#deps.leasesChanged();
    const announced = this.#deps.announced(attachment);
    try {
      await dataplane.connect(pod, attachment);
      if (signal.aborted) throw new CniError(CNI_ERROR.tryAgainLater, 'the runtime hung up during ADD');
    } catch (cause) {
      await this.#delete(attachment);
      if (cause instanceof CniError) throw cause;
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new CniError(CNI_ERROR.wiringFailed, `cannot connect pod ${name}: ${reason}`, '', { cause });
    }
    await announced;
    return encodeAddResult(attachment);
  }

  async #lease(
    wanted: Attachment & { readonly podUid: string; readonly netns: string },
    deadline: number,
    signal: AbortSignal,
  ): Promise<PodAttachment> {
    const { leases, clock, requestBlock } = this.#deps;
    for (;;) {
      const leased = leases.allocate(wanted);
      if (!('reason' in leased)) return leased;
      if (clock.monotonic() >= deadline || signal.aborted) {
        throw new CniError(CNI_ERROR.addressesExhausted, leased.message, 'See: kubectl get ippools');
      }
      requestBlock();
      await new Promise<void>((resolve) => clock.after(ADDRESS_RETRY_MS, resolve));
    }
  }

  /** Succeeds when there is nothing: the specification wants DEL to be repeatable. */
  async #delete(attachment: Attachment): Promise<undefined> {
    const { leases, dataplane, leasesChanged } = this.#deps;
    const known = leases.find(attachment);
    const { containerId, ifname } = attachment;
    const hostInterface = hostInterfaceName(containerId, ifname);
    // Without a lease there may still be a link: of an ADD that was killed before it wrote one down, or never did.
    await dataplane.disconnect(known ?? { containerId, ifname, hostInterface, podUid: '', netns: '', address: '' });
    if (known === undefined) return undefined;
    leases.release(attachment);
    leasesChanged();
    return undefined;
  }

  #check(request: CniRequest): undefined {
    const attachment = this.#deps.leases.find(request);
    if (attachment === undefined) {
      throw new CniError(CNI_ERROR.unknownContainer, `container ${request.containerId} has no address on this node`);
    }
    const faults = [...this.#deps.dataplane.check({ ...attachment, netns: request.netns })];
    if (request.previousAddresses.length > 0 && !request.previousAddresses.includes(`${attachment.address}/32`)) {
      faults.push(`the lease is ${attachment.address}/32, prevResult says ${request.previousAddresses.join(', ')}`);
    }
    if (faults.length > 0) throw new CniError(CNI_ERROR.checkFailed, faults.join('; '));
    return undefined;
  }

  async #status(): Promise<undefined> {
    const reason = this.#deps.broken();
    if (reason !== undefined) throw new CniError(CNI_ERROR.notAvailable, reason);
    return undefined;
  }

  async #exclusive<T>(attachment: Attachment, work: () => Promise<T>): Promise<T> {
    const key = keyOf(attachment);
    const before = this.#running.get(key) ?? Promise.resolve();
    const mine = before.then(work, work);
    this.#running.set(key, mine);
    try {
      return await mine;
    } finally {
      if (this.#running.get(key) === mine) this.#running.delete(key);
    }
  }
}

function keyOf({ containerId, ifname }: Attachment): string {
  return `${containerId}/${ifname}`;
}
