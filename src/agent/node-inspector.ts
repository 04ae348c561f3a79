import { existsSync } from 'node:fs';
import type { DeadLease, NodeInspection, NodeRepairs, RestingAddress } from '../model/ipam/inspection.ts';
import type { LendAnswer, LendAsk } from '../model/ipam/loan.ts';
import type { Attacher, PodAttachment } from './cni/attach.ts';
import type { Attachment } from './cni/request.ts';
import { isMacvlan } from './macvlan-pods.ts';

export interface NodeInspectorDeps {
  readonly leases: {
    all(): readonly PodAttachment[];
    find(attachment: Attachment): PodAttachment | undefined;
    resting(): readonly RestingAddress[];
    lent(): readonly string[];
  };
  /** CIDRs of the node's blocks. */
  readonly blocks: () => readonly string[];
  readonly lend: (ask: LendAsk) => Promise<LendAnswer>;
  /** Node ends of pods' links, with the addresses that routes lead to through them. */
  readonly links: () => readonly { readonly name: string; readonly addresses: readonly string[] }[];
  /** What of the attachment is not as it was made, as sentences. */
  readonly check: (attachment: PodAttachment) => readonly string[];
  readonly attacher: Pick<Attacher, 'reap' | 'repair' | 'collectOrphans'>;
}

/** Looks at this node's addresses in journal and kernel, beside what the node does all the time. */
export class NodeInspector {
  readonly #deps: NodeInspectorDeps;

  constructor(deps: NodeInspectorDeps) {
    this.#deps = deps;
  }

  /** One pod at a time, with ADDs and DELs between: what moves meanwhile may look wrong in one look, not in two. */
  async inspect(): Promise<NodeInspection> {
    const { leases, blocks, links, check } = this.#deps;
    const attachments: NodeInspection['attachments'][number][] = [];
    for (const { containerId, ifname } of leases.all()) {
      await new Promise((resolve) => setImmediate(resolve));
      const found = leases.find({ containerId, ifname });
      if (found === undefined) continue;
      const { podUid, addresses, hostInterface } = found;
      const isAlive = this.#isAlive(found);
      // Where the path is lost with a journal, its other end cannot be looked into.
      const faults = isAlive && found.netns !== '' ? check(found) : [];
      attachments.push({ podUid, containerId, ifname, addresses, hostInterface, isAlive, faults });
    }
    const routed = new Map(links().map(({ name, addresses }) => [name, addresses]));
    const held = new Map(leases.all().map(({ hostInterface, addresses }) => [hostInterface, addresses]));
    return {
      blocks: blocks(),
      lent: leases.lent(),
      attachments,
      resting: leases.resting(),
      strayLinks: [...routed.keys()].filter((name) => !held.has(name)),
      strayRoutes: [...routed].flatMap(([name, addresses]) => {
        const own = held.get(name);
        return own === undefined ? [] : addresses.filter((address) => !own.includes(address));
      }),
    };
  }

  /** For another node. */
  lend(ask: LendAsk): Promise<LendAnswer> {
    return this.#deps.lend(ask);
  }

  /** Each lease in its attachment's own turn, after a look whether something uses it now. */
  async repair(leases: readonly DeadLease[]): Promise<NodeRepairs> {
    const { attacher } = this.#deps;
    const done: string[] = [];
    const refused: string[] = [];
    for (const dead of leases) {
      const isDead = (found: PodAttachment) => found.podUid === dead.podUid && !this.#isAlive(found);
      const released = await attacher.reap(dead, isDead);
      if (released.length > 0) done.push(`released ${released.join(', ')}`);
      else refused.push(`kept the lease of container ${dead.containerId}: it is gone, or something uses it again`);
    }
    const links = await attacher.repair();
    if (links > 0) done.push(`put back ${links} links of pods`);
    const orphans = await attacher.collectOrphans();
    if (orphans > 0) done.push(`took away ${orphans} links that no lease names`);
    return { done, refused };
  }

  /** A macvlan whose namespace is lost with a journal cannot be seen: it counts as used. */
  #isAlive(attachment: PodAttachment): boolean {
    const { netns, hostInterface } = attachment;
    if (netns !== '') return existsSync(netns);
    if (isMacvlan(attachment)) return true;
    return this.#deps.links().some(({ name }) => name === hostInterface);
  }
}
