import type { Logger } from '../lib/logger.ts';
import type { ApplyError, NodeUpdate, ResourceRef, VersionedResource } from '../model/node/desired-update.ts';
import type { AddressSetIr, BgpIr, ChainIr, ResourceKind } from '../model/node/ir.ts';
import type { LeaseBook } from './cni/attach.ts';
import { NftError } from './dataplane/nft/nft-error.ts';
import type { PodBinding, PolicyChange, PolicyTable } from './dataplane/nft/policy-table.ts';
import type { NodeNetwork } from './network.ts';
import { type Refusals, withoutRefused, withRefused } from './policy-refusals.ts';
import type { NodeServices } from './services.ts';
import type { ResourceStore } from './state/resources.ts';

export interface UpdateApplierDeps {
  readonly resources: ResourceStore;
  readonly leases: Pick<LeaseBook, 'all'>;
  readonly policy: Pick<PolicyTable, 'apply'>;
  readonly network: Pick<NodeNetwork, 'applyNode' | 'cutOff' | 'limit' | 'binding'>;
  readonly bgp: { apply(bgp: BgpIr | undefined): Promise<void> };
  readonly services: Pick<NodeServices, 'apply' | 'nodeChanged'>;
  /** Resources that others act upon: services, endpoints, pods; called after they are stored. */
  readonly changed: (kinds: ReadonlySet<ResourceKind>) => void;
  readonly logger: Logger;
}

/** Of one update; each but the last finds a part that the kernel will not take. */
const MOST_TRIES = 10;
const POLICY_KINDS: ReadonlySet<string> = new Set(['addressSet', 'chain', 'pod']);
const BGP_KINDS: ReadonlySet<string> = new Set(['bgp']);
const NODE_KINDS: ReadonlySet<string> = new Set(['node', 'pool', 'block', 'peer']);

/** Puts what the operators say into force, kernel first, memory and disk after: what is held is what holds. */
export class UpdateApplier {
  readonly #deps: UpdateApplierDeps;

  constructor(deps: UpdateApplierDeps) {
    this.#deps = deps;
  }

  /** Resolves with what is not in force. */
  async apply(update: NodeUpdate): Promise<readonly ApplyError[]> {
    const { resources, network, bgp, services, changed } = this.#deps;
    const policyRefused = await this.#applyPolicy(update);
    const servicesRefused = await services.apply(update);
    const errors: ApplyError[] = [...update.upserts, ...update.removals].flatMap(({ kind, key }) => {
      const message = servicesRefused.get(`${kind} ${key}`);
      return message === undefined ? [] : [{ kind, key, message }];
    });
    const isStored = ({ kind, key }: ResourceRef) => !servicesRefused.has(`${kind} ${key}`);
    const left = withoutRefused(update, policyRefused);
    const upserts = left.upserts.filter(isStored);
    const removals = left.removals.filter(isStored);
    const kinds = new Set<ResourceKind>();
    for (const { kind, key, version, body } of upserts) {
      resources.set(kind, key, version, body);
      kinds.add(kind);
    }
    if (left.setPatches.length > 0) {
      this.#storePatches(left);
      kinds.add('addressSet');
    }
    for (const { kind, key } of removals) {
      resources.remove(kind, key);
      kinds.add(kind);
    }
    for (const [id, message] of policyRefused) errors.push({ ...refOf(id), message });
    const applyAll = async (of: ReadonlySet<string>, work: () => Promise<unknown>) => {
      if (![...kinds].some((kind) => of.has(kind))) return;
      const refused = await attempt(work);
      if (refused === undefined) return;
      errors.push(...failures(update, of, refused));
      // What the next try starts from, but not held: a version that nothing equals is sent again.
      for (const { kind, key, body } of upserts) if (of.has(kind)) resources.set(kind, key, '', body);
    };
    await applyAll(NODE_KINDS, () => network.applyNode());
    if (kinds.has('node')) await services.nodeChanged();
    await applyAll(BGP_KINDS, () => bgp.apply(resources.get('bgp', 'self')));
    if (errors.length === 0) resources.setWatermark(update.watermark);
    else this.#deps.logger.error('update not in force', { count: errors.length, reason: errors[0]?.message });
    if (kinds.has('pod')) errors.push(...this.#cutOff());
    if (kinds.has('pod') || kinds.has('chain')) errors.push(...this.#limit());
    changed(kinds);
    return errors;
  }

  /** What is refused is a limit of the pod's chains, which are held by no version until they are told again. */
  #limit(): ApplyError[] {
    const { resources, leases, network } = this.#deps;
    return [...network.limit(leases.all())].flatMap(([uid, message]) => {
      const { ingressChain, egressChain } = resources.get('pod', uid) ?? {};
      return [ingressChain, egressChain].flatMap((key) => {
        const chain = key === undefined ? undefined : resources.get('chain', key);
        if (key === undefined || chain?.bandwidth === undefined) return [];
        resources.set('chain', key, '', chain);
        return [{ kind: 'chain' as const, key, message }];
      });
    });
  }

  /** Such a pod is told again until its policy or it is gone: it is held by no version. */
  #cutOff(): ApplyError[] {
    const { resources, leases, network } = this.#deps;
    return [...network.cutOff(leases.all())].map(([key, message]) => {
      const pod = resources.get('pod', key);
      if (pod !== undefined) resources.set('pod', key, '', pod);
      return { kind: 'pod', key, message };
    });
  }

  /** What the kernel refuses is left out with what needs it, and the rest is tried again: others must not suffer. */
  async #applyPolicy(update: NodeUpdate): Promise<Refusals> {
    let refused: Refusals = new Map();
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      const change = this.#policyChange(withoutRefused(update, refused));
      if (change === undefined) return refused;
      try {
        await this.#deps.policy.apply(change);
        return refused;
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        const culprit = this.#culpritOf(error, update);
        if (culprit === undefined || refused.has(culprit)) return allOf(update, message);
        refused = withRefused(refused, culprit, message, update);
      }
    }
    return allOf(update, `more than ${MOST_TRIES} parts of the change were refused`);
  }

  /** As `kind key`; undefined: not to be told, or nothing of the update. */
  #culpritOf(error: unknown, { upserts, setPatches }: NodeUpdate): string | undefined {
    const culprit = error instanceof NftError ? error.culprit : undefined;
    if (culprit === undefined || culprit.kind === 'facts') return undefined;
    const uid = this.#deps.leases.all().find(({ hostInterface }) => hostInterface === culprit.key)?.podUid;
    const kind = { set: 'addressSet', chain: 'chain', pod: 'pod' }[culprit.kind];
    const key = culprit.kind === 'pod' ? uid : culprit.key;
    const isOfUpdate =
      upserts.some((resource) => resource.kind === kind && resource.key === key) ||
      (kind === 'addressSet' && setPatches.some((patch) => patch.key === key));
    return isOfUpdate ? `${kind} ${key}` : undefined;
  }

  #policyChange({ upserts, setPatches, removals }: NodeUpdate): PolicyChange | undefined {
    const sets = of<AddressSetIr>(upserts, 'addressSet');
    const chains = of<ChainIr>(upserts, 'chain');
    const bind = this.#bindings(upserts);
    const [goneSets, goneChains] = [keysOf(removals, 'addressSet'), keysOf(removals, 'chain')];
    const all = [sets, chains, bind, goneSets, goneChains, setPatches];
    if (all.every(({ length }) => length === 0)) return undefined;
    const patch = setPatches.map(({ key, add, remove }) => [key, { add, remove }] as const);
    return {
      sets: { upsert: sets, patch, remove: goneSets },
      chains: { upsert: chains, remove: goneChains },
      pods: { bind },
    };
  }

  /** Of attached pods only: the others are bound by their ADD. */
  #bindings(upserts: readonly VersionedResource[]): PodBinding[] {
    const attachments = Map.groupBy(this.#deps.leases.all(), ({ podUid }) => podUid);
    return upserts.flatMap((resource) =>
      resource.kind === 'pod'
        ? (attachments.get(resource.key) ?? []).map((attachment) =>
            this.#deps.network.binding(resource.body, attachment),
          )
        : [],
    );
  }

  #storePatches({ setPatches }: NodeUpdate): void {
    for (const { key, toVersion, add, remove } of setPatches) {
      const held = this.#deps.resources.get('addressSet', key);
      if (held === undefined) continue;
      const gone = new Set(remove);
      const members = [...held.members.filter((member) => !gone.has(member)), ...add];
      this.#deps.resources.set('addressSet', key, toVersion, { type: held.type, members });
    }
  }
}

function refOf(id: string): Pick<ApplyError, 'kind' | 'key'> {
  const [kind = '', ...key] = id.split(' ');
  return { kind, key: key.join(' ') };
}

/** Of a policy change that is refused for nobody's fault, or too many. */
function allOf(update: NodeUpdate, message: string): Refusals {
  return new Map(failures(update, POLICY_KINDS, message).map(({ kind, key }) => [`${kind} ${key}`, message]));
}

function of<T>(upserts: readonly VersionedResource[], kind: ResourceKind): (readonly [string, T])[] {
  return upserts.filter((resource) => resource.kind === kind).map(({ key, body }) => [key, body as T]);
}

function keysOf(removals: readonly ResourceRef[], kind: ResourceKind): string[] {
  return removals.filter((ref) => ref.kind === kind).map(({ key }) => key);
}

function failures(
  { upserts, setPatches, removals }: NodeUpdate,
  kinds: ReadonlySet<string>,
  message: string,
): ApplyError[] {
  const patched = setPatches.map(({ key }) => ({ kind: 'addressSet', key }));
  return [...upserts, ...patched, ...removals].flatMap(({ kind, key }) =>
    kinds.has(kind) ? [{ kind, key, message }] : [],
  );
}

async function attempt(work: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
