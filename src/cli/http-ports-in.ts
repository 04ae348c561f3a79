import type { Pod } from '../api/kubernetes.ts';
import { httpPortsOf } from '../model/mesh/http-ports.ts';
import { indexMesh } from '../model/mesh/mesh-index.ts';
import { translatePodMesh } from '../model/mesh/pod-mesh.ts';
import type { PolicyWorld } from './explain.ts';

/** Ports of the pod whose connections its proxy reads as HTTP. */
export function httpPortsIn({ objects, meshServices }: PolicyWorld, pod: Pod): readonly number[] {
  const services = (objects.services?.upserts ?? []).filter(
    ({ metadata }) => metadata.namespace === pod.metadata.namespace,
  );
  const index = indexMesh({ ...NO_MESH, services, meshServices, pods: [pod] });
  const mesh = translatePodMesh(pod, { index, services, proxyUid: 0 });
  return mesh === undefined ? [] : httpPortsOf(mesh);
}

/** A mesh without anything. */
export const NO_MESH = {
  trustDomain: '',
  services: [],
  endpointSlices: [],
  pods: [],
  trafficSplits: [],
  httpRoutes: [],
  referenceGrants: [],
};
