import { compileMesh } from '../../src/model/mesh/compile-mesh.ts';
import { MeshLab } from '../../test/dataplane/mesh-lab.ts';
import { type Pair, startEcho } from './pair.ts';

const [CALLER, SERVER, ADDRESS] = ['10.9.0.1', '10.9.0.2', '10.96.0.10'] as const;
const PORT = 8080;
const NAMESPACE = 'shop';

/** Two pods with proxies that an agent's mesh half has told what the model makes of a Service. */
export async function startWeftPair(isMutualTls: boolean): Promise<Pair> {
  const lab = await MeshLab.start();
  const [a, b] = lab.cable([[CALLER], [SERVER]]);
  const mesh = { tlsMode: 'Permissive', probePorts: [] } as const;
  const caller = await lab.addPod('client', a, [CALLER], { ...mesh, inbound: [] });
  const inbound = [{ port: PORT, protocol: 'HTTP', tlsMode: 'Permissive' } as const];
  const server = await lab.addPod('server', b, [SERVER], { ...mesh, inbound });
  const echo = startEcho(b, PORT);
  const labels: Record<string, string> = isMutualTls ? { 'weft.dev/proxy': 'injected' } : {};
  const { services, endpoints } = compileMesh({
    services: [
      {
        metadata: { name: 'web', namespace: NAMESPACE },
        spec: { clusterIP: ADDRESS, clusterIPs: [ADDRESS], ports: [{ name: 'http', port: 80, targetPort: PORT }] },
      },
    ],
    endpointSlices: [
      {
        metadata: { name: 'web-1', namespace: NAMESPACE, labels: { 'kubernetes.io/service-name': 'web' } },
        addressType: 'IPv4',
        ports: [{ name: 'http', port: PORT }],
        endpoints: [{ addresses: [SERVER], targetRef: { kind: 'Pod', name: 'server', uid: server.uid } }],
      },
    ],
    pods: [
      {
        metadata: { name: 'server', namespace: NAMESPACE, uid: server.uid, labels },
        spec: { serviceAccountName: 'server', containers: [] },
        status: { phase: 'Running' },
      },
    ],
    ...{ meshServices: [], trafficSplits: [], httpRoutes: [], referenceGrants: [], trustDomain: 'cluster.local' },
  });
  for (const [key, body] of endpoints) lab.set('endpoints', key, body);
  for (const [key, body] of services) {
    const version = lab.set('service', key, body);
    await lab.answerOf(caller.uid, 'service', key, version);
  }
  return {
    ...{ callerNetns: a, url: `http://${ADDRESS}/`, proxies: [caller.envoy.pid ?? 0, server.envoy.pid ?? 0] },
    async close() {
      echo.kill();
      await lab.close();
    },
  };
}
