import { parseIp } from '../../lib/ip.ts';
import type { PodIr } from '../../model/node/ir.ts';
import { hostInterfaceName } from '../../model/node/names.ts';
import type { PodAttachment } from '../cni/attach.ts';
import type { PodWaiter } from '../cni/pods.ts';
import { type Attachment, CNI_ERROR, CniError, type CniRequest, type PreviousResult } from '../cni/request.ts';
import type { PodMesh } from '../network.ts';
import type { ChainedAttachments } from './attachments.ts';

export interface ChainedDeps {
  readonly pods: PodWaiter;
  readonly attachments: ChainedAttachments;
  readonly mesh: PodMesh;
  /** What of the pod's redirect is missing, as sentences. */
  readonly redirectFaults: (netns: string) => readonly string[];
  readonly podOf: (uid: string) => PodIr | undefined;
  readonly broken: () => string | undefined;
}

/** As long as an ADD without another CNI waits for its pod. */
const ADD_PATIENCE_MS = 90_000;

/** The verbs of CNI behind another plugin: redirect and proxy socket for pods in the mesh, and nothing for the others. */
export class ChainedAttacher {
  readonly #deps: ChainedDeps;

  constructor(deps: ChainedDeps) {
    this.#deps = deps;
  }

  readonly handle = async (request: CniRequest, signal: AbortSignal): Promise<object | undefined> => {
    switch (request.command) {
      case 'ADD':
        return this.#add(request, signal);
      case 'DEL':
        return this.#remove(request);
      case 'CHECK':
        return this.#check(request);
      case 'GC':
        return this.collect(request.validAttachments);
      case 'STATUS':
        return this.#status();
    }
  };

  /** Forgets everything that is not listed. */
  collect(valid: readonly Attachment[]): undefined {
    const isValid = ({ containerId, ifname }: Attachment) =>
      valid.some((of) => of.containerId === containerId && of.ifname === ifname);
    for (const attachment of this.#deps.attachments.all()) if (!isValid(attachment)) this.#remove(attachment);
  }

  /** @returns what the plugin before has answered, unchanged. */
  async #add(request: CniRequest, signal: AbortSignal): Promise<object> {
    const { pods, attachments, mesh } = this.#deps;
    const { containerId, ifname, netns, previousResult } = request;
    if (previousResult === undefined) {
      throw new CniError(
        CNI_ERROR.invalidConfig,
        'Weft is chained on this node, and there is no prevResult: it must stand behind another plugin',
      );
    }
    if (request.pod === undefined) throw new CniError(CNI_ERROR.invalidEnvironment, 'CNI_ARGS must name the pod');
    const name = `${request.pod.namespace}/${request.pod.name}`;
    const pod = await pods.wait(request.pod, ADD_PATIENCE_MS, signal);
    if (pod === undefined) {
      throw new CniError(
        CNI_ERROR.tryAgainLater,
        `no operator has told this node of pod ${name} yet`,
        'Whether a pod is in the mesh must be known before it starts. See: kubectl -n weft-system get pods',
      );
    }
    const attachment: PodAttachment = {
      ...{ containerId, ifname, netns, podUid: pod.uid, ...addressesOf(previousResult) },
      hostInterface: hostInterfaceName(containerId, ifname),
    };
    try {
      attachments.add(attachment);
      mesh.open(pod, attachment);
      if (signal.aborted) throw new CniError(CNI_ERROR.tryAgainLater, 'the runtime hung up during ADD');
    } catch (cause) {
      this.#remove(attachment);
      if (cause instanceof CniError) throw cause;
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new CniError(CNI_ERROR.wiringFailed, `cannot bring pod ${name} into the mesh: ${reason}`, '', { cause });
    }
    return previousResult;
  }

  #remove(attachment: Attachment): undefined {
    const { attachments, mesh } = this.#deps;
    const held = attachments.find(attachment);
    if (held === undefined) return;
    mesh.close(held);
    attachments.remove(held);
  }

  #check(request: CniRequest): undefined {
    const { attachments, podOf, redirectFaults } = this.#deps;
    const held = attachments.find(request);
    if (held === undefined) {
      throw new CniError(CNI_ERROR.unknownContainer, `container ${request.containerId} is not known to this node`);
    }
    const faults = podOf(held.podUid)?.mesh === undefined ? [] : redirectFaults(request.netns);
    if (faults.length > 0) throw new CniError(CNI_ERROR.checkFailed, faults.join('; '));
  }

  #status(): undefined {
    const reason = this.#deps.broken();
    if (reason !== undefined) throw new CniError(CNI_ERROR.notAvailable, reason);
  }
}

/** The pod's addresses; and its gateways, which on a bridge are the node's addresses there. */
function addressesOf({ ips = [] }: PreviousResult): Pick<PodAttachment, 'addresses' | 'nodeAddresses'> {
  const isAddress = (text: string | undefined): text is string => text !== undefined && parseIp(text) !== undefined;
  return {
    addresses: ips.map(({ address }) => address?.split('/')[0]).filter(isAddress),
    nodeAddresses: ips.map(({ gateway }) => gateway).filter(isAddress),
  };
}
