import type { Pod } from '../api/kubernetes.ts';
import type { StoreReader } from '../kube/store.ts';
import { isInjected, spiffeIdOf } from '../model/mesh/identity.ts';
import type { Authority } from '../pki/authority.ts';
import { parseCsr } from '../pki/csr.ts';
import type { CertificateAnswer } from '../stream/operator-ports.ts';

/**
 * Signs a pod's identity for the node it runs on. What the certificate says follows from the pod alone: a node that
 * asks for a pod of another node, or for one without proxy, gets none.
 */
export function signWorkload(
  authority: Authority,
  pods: StoreReader<Pod>,
  trustDomain: string,
  { node, podUid, csrDer }: { readonly node: string; readonly podUid: string; readonly csrDer: Uint8Array },
): CertificateAnswer {
  const pod = pods.list().find(({ metadata }) => metadata.uid === podUid);
  if (pod === undefined || pod.spec.nodeName !== node) return { problem: `pod ${podUid} does not run on node ${node}` };
  if (!isInjected(pod)) return { problem: `pod ${podUid} has no proxy` };
  const publicKey = parseCsr(csrDer);
  if (typeof publicKey === 'string') return { problem: publicKey };
  return { chainPem: authority.sign(publicKey, [{ uri: spiffeIdOf(pod, trustDomain) }]) };
}
