import type { Node } from '../../api/kubernetes.ts';
import { REASON } from '../../api/reasons.ts';
import type { ApplyOptions } from '../../kube/apply.ts';
import { KINDS, objectPath } from '../../kube/kinds.ts';

/** Put on new nodes (`kubelet --register-with-taints`) by whoever wants no pod there before Weft can serve it. */
export const AGENT_NOT_READY_TAINT = 'weft.dev/agent-not-ready';
const NETWORK_UNAVAILABLE = 'NetworkUnavailable';

/**
 * Takes the taint off a node that serves pods, and answers the condition by which cloud providers keep pods away until
 * somebody has set the network up. Nothing is written for a node without them.
 *
 * @throws KubeError; 409 when the Node has changed meanwhile.
 */
export async function openNode({ api, fieldManager }: ApplyOptions, node: Node, signal: AbortSignal): Promise<void> {
  const { name, resourceVersion } = node.metadata;
  const query = { fieldManager };
  const taints = node.spec?.taints ?? [];
  const left = taints.filter(({ key }) => key !== AGENT_NOT_READY_TAINT);
  if (left.length < taints.length) {
    await api.request('PATCH', objectPath(KINDS.node, { name }), {
      ...{ query, signal, contentType: 'application/merge-patch+json' },
      body: { metadata: { resourceVersion }, spec: { taints: left } },
    });
  }
  const isUnavailable = node.status?.conditions?.some(
    ({ type, status }) => type === NETWORK_UNAVAILABLE && status === 'True',
  );
  if (isUnavailable !== true) return;
  const condition = {
    type: NETWORK_UNAVAILABLE,
    status: 'False',
    reason: REASON.weftServes,
    message: 'Weft serves pods',
  };
  await api.request('PATCH', objectPath(KINDS.node, { name }, 'status'), {
    ...{ query, signal, contentType: 'application/strategic-merge-patch+json' },
    body: { status: { conditions: [condition] } },
  });
}
