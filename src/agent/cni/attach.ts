import { REASON } from '../../api/reasons.ts';
import type { Clock } from '../../lib/clock.ts';
import { type Family, hostCidr } from '../../lib/ip.ts';
import type { Logger } from '../../lib/logger.ts';
import type { PodIr } from '../../model/node/ir.ts';
import { hostInterfaceName } from '../../model/node/names.ts';
import { isPlain, type PodWiring } from '../../model/node/pod-wiring.ts';
import type { NoAddress } from '../../model/ipam/lease.ts';
import { requirePossible } from './link-limits.ts';
import type { PodWaiter } from './pods.ts';
import { type Attachment, CNI_ERROR, CniError, type CniRequest } from './request.ts';
import { encodeAddResult } from './result.ts';

/** An attachment as it is on this node: what its kernel state is made from. */
export interface PodAttachment extends Attachment {
  readonly podUid: string;
  readonly netns: string;
  readonly hostInterface: string;
  /** One or both families, IPv4 first. */
  readonly addresses: readonly string[];
  /** Absent: a plain routed link. */
  readonly wiring?: PodWiring;
  /** Behind another CNI: addresses that the node has for this pod beside its own. */
  readonly nodeAddresses?: readonly string[];
}

export interface Allocation {
  readonly attachment: PodAttachment;
  /** Resolves when a crash cannot undo it. */
  readonly written: Promise<void>;
}

/** What a pod's interface needs. */
export interface LeaseWish extends Attachment {
  readonly podUid: string;
  readonly netns: string;
  readonly pools: readonly string[];
  readonly families: readonly Family[];
  readonly fixed: readonly string[];
  readonly wiring?: PodWiring;
}

/** Addresses of this node. */
export interface LeaseBook {
  allocate(wish: LeaseWish): Allocation | NoAddress;
  find(attachment: Attachment): PodAttachment | undefined;
  all(): readonly PodAttachment[];
  release(attachment: Attachment): void;
}

/** The node's kernel, as far as attachments go. Each call is safe to repeat. `Made`: what `make` hands on to `wire`. */
export interface PodDataplane<Made extends Disposable = Disposable> {
  /** Policy, mesh redirect and proxy listener, all before the link: not one packet passes before its policy. */
  guard(pod: PodIr, attachment: PodAttachment): Promise<void>;
  /** The bare link, down, without addresses, for `wire` to finish; to be disposed of then. Undefined when it is not new. */
  make(attachment: PodAttachment): Made | undefined;
  /**
   * The link, with its addresses and routes; where it is there already and not new, what is not as it should be.
   * Returns what `isSending` would.
   */
  wire(attachment: PodAttachment, made?: Made): boolean;
  /** Whether a wired link carries packets by now: mostly at once, on a busy node some milliseconds later. */
  isSending(attachment: PodAttachment): boolean;
  /** Lets nothing more pass, in either direction; the link may stand. */
  shut(attachment: PodAttachment): Promise<void>;
  /** Takes the link away, which takes the kernel 15 to 30 ms. */
  unwire(attachment: Pick<PodAttachment, 'hostInterface'>): Promise<void>;
  /** Those whose link or route on the node is gone, or not as it should be now, while their namespace is there. */
  unwired(attachments: readonly PodAttachment[]): readonly PodAttachment[];
  /** Links of pods that are none of these attachments'. */
  orphans(attachments: readonly PodAttachment[]): readonly Pick<PodAttachment, 'hostInterface'>[];
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
  /** Asks the operators for a block with which an address could be given; why there is none, as they said last. */
  readonly requestBlock: (wish: BlockWish) => string | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface BlockWish {
  readonly family: Family;
  readonly pools: readonly string[];
  /** The one address that would do. */
  readonly address?: string;
}

/** An ADD waits this long for its pod, its policy and an address before it says "try again later" (the kubelet waits 2 minutes). */
const ADD_PATIENCE_MS = 90_000;
const ADDRESS_RETRY_MS = 100;
const SENDING_PATIENCE_MS = 500;
const SENDING_RETRY_MS = 2;

const NO_POOL: NoAddress = {
  path: '',
  reason: REASON.noPool,
  message: 'there is no IPPool that is Ready and that the pod may use',
  family: 4,
  isTemporary: true,
};

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
        return this.#remove(request);
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
    for (const attachment of stale) await this.#remove(attachment);
    if (stale.length > 0) this.#deps.logger.info('stale attachments removed', { count: stale.length });
  }

  /** As DEL, when the attachment's turn has come and `isDead` says that nothing uses it; the addresses released. */
  async reap(attachment: Attachment, isDead: (found: PodAttachment) => boolean): Promise<readonly string[]> {
    const { leases, dataplane } = this.#deps;
    return this.#exclusive(attachment, async () => {
      const found = leases.find(attachment);
      if (found === undefined || !isDead(found)) return [];
      await this.#delete(attachment);
      await dataplane.unwire(found);
      return found.addresses;
    });
  }

  /** Takes away links without a lease: those of a DEL that was answered before a crash. */
  async collectOrphans(): Promise<number> {
    const { leases, dataplane } = this.#deps;
    const orphans = dataplane.orphans(leases.all());
    for (const orphan of orphans) await dataplane.unwire(orphan);
    return orphans.length;
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
        dataplane.wire(attachment);
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
    if (typeof pod.addressing === 'string') {
      throw new CniError(CNI_ERROR.annotationRefused, `pod ${name} can have no address: ${pod.addressing}`);
    }
    if (typeof pod.bandwidth === 'string') {
      throw new CniError(CNI_ERROR.annotationRefused, `pod ${name} can have no such limit: ${pod.bandwidth}`);
    }
    const { link, ...addressing } = pod.addressing;
    const wiring: PodWiring = { ...request.wiring, ...(link === undefined ? {} : { link }) };
    const wish = {
      ...{ containerId, ifname, netns, podUid: pod.uid, ...addressing },
      ...(isPlain(wiring) ? {} : { wiring }),
    };
    requirePossible(name, pod, wiring);
    const leased = await this.#lease(wish, deadline, signal);
    const { attachment } = leased;
    // The link is made while the disk is waited for; it gets its address when that is written down.
    const made = dataplane.guard(pod, attachment).then(() => dataplane.make(attachment));
    let announced: Promise<void>;
    try {
      const [link] = await Promise.all([made, leased.written]);
      this.#deps.leasesChanged();
      announced = this.#deps.announced(attachment);
      if (!dataplane.wire(attachment, link)) await this.#untilSending(attachment);
      if (signal.aborted) throw new CniError(CNI_ERROR.tryAgainLater, 'the runtime hung up during ADD');
    } catch (cause) {
      await made.catch(() => undefined);
      await this.#delete(attachment);
      await dataplane.unwire(attachment);
      if (cause instanceof CniError) throw cause;
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new CniError(CNI_ERROR.wiringFailed, `cannot connect pod ${name}: ${reason}`, '', { cause });
    } finally {
      (await made.catch(() => undefined))?.[Symbol.dispose]();
    }
    await announced;
    return encodeAddResult(attachment);
  }

  /** A container's first packet must not be lost. Gives up after a while: the next one passes. */
  async #untilSending(attachment: PodAttachment): Promise<void> {
    const { dataplane, clock } = this.#deps;
    for (let waitedMs = 0; waitedMs < SENDING_PATIENCE_MS; waitedMs += SENDING_RETRY_MS) {
      await new Promise<void>((resolve) => clock.after(SENDING_RETRY_MS, resolve));
      if (dataplane.isSending(attachment)) return;
    }
  }

  async #lease(wish: LeaseWish, deadline: number, signal: AbortSignal): Promise<Allocation> {
    const { leases, clock, requestBlock } = this.#deps;
    const { pools } = wish;
    for (;;) {
      const leased = wish.families.length === 0 ? NO_POOL : leases.allocate(wish);
      if (!('reason' in leased)) return leased;
      const { family, fixed, message, isTemporary } = leased;
      if (!isTemporary) throw new CniError(CNI_ERROR.annotationRefused, message);
      const isOver = clock.monotonic() >= deadline || signal.aborted;
      const wanted = { family, pools, ...(fixed === undefined ? {} : { address: fixed }) };
      const problem = pools.length === 0 ? undefined : requestBlock(wanted);
      if (isOver || (fixed !== undefined && problem !== undefined)) {
        throw new CniError(
          fixed === undefined ? CNI_ERROR.addressesExhausted : CNI_ERROR.annotationRefused,
          problem === undefined ? message : `${message}: ${problem}`,
          'See: kubectl get ippools',
        );
      }
      await new Promise<void>((resolve) => clock.after(ADDRESS_RETRY_MS, resolve));
    }
  }

  /** Resolves when nothing passes any more; the link goes behind that, and an ADD of the same attachment waits for it. */
  #remove(attachment: Attachment): Promise<undefined> {
    const { dataplane, logger } = this.#deps;
    const link = this.#attachmentOf(attachment);
    return this.#exclusive(
      attachment,
      () => this.#delete(attachment),
      () =>
        dataplane.unwire(link).catch((error: unknown) => {
          logger.warn('a link stays until the next look', { link: link.hostInterface, reason: String(error) });
        }),
    );
  }

  /** Succeeds when there is nothing: the specification wants DEL to be repeatable. */
  async #delete(attachment: Attachment): Promise<undefined> {
    const { leases, dataplane, leasesChanged } = this.#deps;
    await dataplane.shut(this.#attachmentOf(attachment));
    if (leases.find(attachment) === undefined) return undefined;
    leases.release(attachment);
    leasesChanged();
    return undefined;
  }

  /** Without a lease there may still be a link: of an ADD that was killed before it wrote one down, or never did. */
  #attachmentOf({ containerId, ifname }: Attachment): PodAttachment {
    const hostInterface = hostInterfaceName(containerId, ifname);
    const nothing = { containerId, ifname, hostInterface, podUid: '', netns: '', addresses: [] };
    return this.#deps.leases.find({ containerId, ifname }) ?? nothing;
  }

  #check(request: CniRequest): undefined {
    const attachment = this.#deps.leases.find(request);
    if (attachment === undefined) {
      throw new CniError(CNI_ERROR.unknownContainer, `container ${request.containerId} has no address on this node`);
    }
    const faults = [...this.#deps.dataplane.check({ ...attachment, netns: request.netns })];
    const leased = attachment.addresses.map(hostCidr);
    if (request.previousAddresses.length > 0 && !leased.every((of) => request.previousAddresses.includes(of))) {
      faults.push(`the lease is ${leased.join(', ')}, prevResult says ${request.previousAddresses.join(', ')}`);
    }
    if (faults.length > 0) throw new CniError(CNI_ERROR.checkFailed, faults.join('; '));
    return undefined;
  }

  async #status(): Promise<undefined> {
    const reason = this.#deps.broken();
    if (reason !== undefined) throw new CniError(CNI_ERROR.notAvailable, reason);
    return undefined;
  }

  /** One at a time for each attachment, in order. `rest` belongs to the work, and is not waited for by who asked. */
  #exclusive<T>(
    attachment: Attachment,
    work: () => Promise<T>,
    rest: () => Promise<void> = async () => undefined,
  ): Promise<T> {
    const key = keyOf(attachment);
    const before = this.#running.get(key) ?? Promise.resolve();
    const mine = before.then(work, work);
    const whole = mine.then(rest, rest).finally(() => {
      if (this.#running.get(key) === whole) this.#running.delete(key);
    });
    this.#running.set(key, whole);
    return mine;
  }
}

function keyOf({ containerId, ifname }: Attachment): string {
  return `${containerId}/${ifname}`;
}
