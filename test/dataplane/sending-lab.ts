import type { MeshServiceSpec } from '../../src/api/generated/meshservice.ts';
import type { TrafficSplitSpec } from '../../src/api/generated/trafficsplit.ts';
import type { CallReport } from '../../src/agent/envoy/call-totals.ts';
import type { EndpointSlice, Pod, Service } from '../../src/api/kubernetes.ts';
import type { HttpRouteRule } from '../../src/model/mesh/http-route.ts';
import { compileMesh } from '../../src/model/mesh/compile-mesh.ts';
import { indexMesh, type MeshInput } from '../../src/model/mesh/mesh-index.ts';
import { translatePodMesh } from '../../src/model/mesh/pod-mesh.ts';
import { tracingOf } from '../../src/model/mesh/tracing.ts';
import type { ProxyViewAsk } from '../../src/model/mesh/proxy-view.ts';
import type { Problem } from '../../src/model/problem.ts';
import type { HttpAnswer, HttpEcho } from './http-host.ts';
import { MeshLab, type MeshPod, PROXY_UID, statOf } from './mesh-lab.ts';

const [CLIENT, SERVER] = ['10.9.0.1', '10.9.0.2'] as const;
const ADDRESS = '10.96.0.10';
const MESH = { tlsMode: 'Permissive', inbound: [], probePorts: [] } as const;
/** Endpoints of `web` by their ports; the server of each has its name. */
export const PORT = { a: 8080, b: 8081, c: 8082 } as const;
export type Endpoint = keyof typeof PORT;
export const COLLECTOR_PORT = 4318;

export interface World {
  readonly mesh?: Partial<MeshServiceSpec>;
  readonly split?: Partial<TrafficSplitSpec>;
  /** Rules of an HTTPRoute of `web`. */
  readonly routes?: readonly HttpRouteRule[];
  /** Of the Service `web`, each with its zone. */
  readonly endpoints?: Partial<Record<Endpoint, string>>;
  /** Of these, if not the server's. */
  readonly address?: string;
  /** Of calls, to the Service `collector` at port 80, which is the server's port 4318. */
  readonly tracesPercent?: number;
}

/**
 * A caller and a pod that serves, both with a proxy, told of what the model makes of MeshServices and TrafficSplits: of
 * the Services `web` (at `url`), `a`, `b` and `c`, and `none` that has no endpoint.
 */
export class SendingLab {
  readonly url = `http://${ADDRESS}`;
  readonly #lab: MeshLab;
  readonly #client: MeshPod;
  readonly server: MeshPod;
  readonly #told = new Map<string, string>();

  private constructor(lab: MeshLab, client: MeshPod, server: MeshPod) {
    this.#lab = lab;
    this.#client = client;
    this.server = server;
  }

  static async start(): Promise<SendingLab> {
    const lab = await MeshLab.start();
    const [a, b] = lab.cable([[CLIENT], [SERVER]]);
    const client = await lab.addPod('client', a, [CLIENT], MESH);
    const inbound = Object.values(PORT).map((port) => ({ port, protocol: 'HTTP', tlsMode: 'Permissive' }) as const);
    const server = await lab.addPod('server', b, [SERVER], { ...MESH, inbound });
    for (const [name, port] of Object.entries(PORT)) await server.application.serve(port, name);
    return new SendingLab(lab, client, server);
  }

  /** Resolves when both proxies have taken it. */
  async apply(world: World): Promise<readonly Problem[]> {
    const input = inputOf(world);
    const { services, endpoints, problems } = compileMesh(input);
    const uid = this.server.uid;
    const mesh = translatePodMesh(serverPod(), {
      ...{ index: indexMesh(input), services: input.services, proxyUid: PROXY_UID },
    });
    const pod = this.#lab.store.get('pod', uid);
    if (mesh === undefined || pod === undefined) throw new Error('the server has no proxy');
    await Promise.all([
      ...[...endpoints].map(([key, body]) => this.#tell('endpoints', key, body)),
      ...[...services].map(([key, body]) => this.#tell('service', key, body)),
      this.#tell('pod', uid, { ...pod, mesh }),
    ]);
    return [...problems.values()].flat();
  }

  async setZone(zone: string): Promise<void> {
    const node = this.#lab.store.get('node', 'self');
    if (node !== undefined) this.#lab.set('node', 'self', { ...node, zone });
  }

  async call(path = '/', headers: Readonly<Record<string, string>> = {}, method = 'GET'): Promise<HttpAnswer> {
    return this.#client.application.get(`${this.url}${path}`, headers, method);
  }

  /** What the server saw. */
  async echo(path = '/', headers: Readonly<Record<string, string>> = {}, method = 'GET'): Promise<HttpEcho> {
    const { status, body } = await this.call(path, headers, method);
    if (status !== 200) throw new Error(`${status} ${body}\n${this.#client.log}\n${this.server.log}`);
    return JSON.parse(body) as HttpEcho;
  }

  /** How many of that many calls, one after the other, each server has answered, and each status that is not 200. */
  async share(calls: number, headers: Readonly<Record<string, string>> = {}): Promise<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (let call = 0; call < calls; call += 1) {
      const { status, body } = await this.call('/', headers);
      const who = status === 200 ? (JSON.parse(body) as HttpEcho).server : String(status);
      counts[who] = (counts[who] ?? 0) + 1;
    }
    return counts;
  }

  /** A counter or gauge of the caller's proxy. */
  async stat(name: string): Promise<number> {
    return statOf(this.#client, name);
  }

  /** What the proxies have carried. */
  calls(): Promise<CallReport> {
    return this.#lab.proxies.calls();
  }

  /** Of the caller's proxy. @param lie what its administration is made to say. */
  heal(lie?: (text: string) => string) {
    return this.#lab.heal(this.#client, lie);
  }

  /** What turns of that many looks find at all proxies. */
  async proxiesHealed(looks: number): Promise<number> {
    let count = 0;
    for (let look = 0; look < looks; look += 1) count += await this.#lab.proxies.healNext();
    return count;
  }

  view(ask: ProxyViewAsk): Promise<string> {
    return this.#lab.proxies.view(ask);
  }

  async until(what: string, look: () => boolean | Promise<boolean>): Promise<void> {
    await this.#lab.until(what, async () => ((await look()) ? true : undefined));
  }

  close(): Promise<void> {
    return this.#lab.close();
  }

  async #tell(...[kind, key, body]: Parameters<MeshLab['set']>): Promise<void> {
    const text = JSON.stringify(body);
    if (this.#told.get(`${kind} ${key}`) === text) return;
    this.#told.set(`${kind} ${key}`, text);
    const version = this.#lab.set(kind, key, body);
    const uid = kind === 'pod' ? key : this.#client.uid;
    const { accepted, message } = await this.#lab.answerOf(uid, kind, key, version);
    if (!accepted) throw new Error(`${kind} ${key} is refused: ${message}`);
  }
}

const NAMESPACE = 'shop';

function inputOf({
  mesh = {},
  split,
  routes,
  endpoints = { a: 'east', b: 'east', c: 'west' },
  address = SERVER,
  tracesPercent,
}: World): MeshInput {
  const names = Object.keys(endpoints) as Endpoint[];
  return {
    trustDomain: 'cluster.local',
    ...(tracesPercent === undefined ? {} : { tracing: tracingOf('shop/collector:80', tracesPercent) }),
    services: [
      service('web', ADDRESS),
      ...Object.entries(PORT).map(([name, port], index) => service(name, `10.96.0.${20 + index}`, port)),
      service('none', '10.96.0.30'),
      service('collector', '10.96.0.31', COLLECTOR_PORT),
    ],
    endpointSlices: [
      ...names.map((name) => slice('web', PORT[name], endpoints[name] ?? '', address)),
      ...(Object.keys(PORT) as Endpoint[]).map((name) => slice(name, PORT[name], 'east', SERVER)),
      slice('collector', COLLECTOR_PORT, 'east', SERVER),
    ],
    pods: [serverPod()],
    meshServices: [
      {
        metadata: { name: 'web', namespace: NAMESPACE },
        spec: { source: { service: { name: 'web' } }, ports: [{ port: 80, protocol: 'HTTP' }], ...mesh },
      },
    ],
    trafficSplits:
      split === undefined
        ? []
        : [
            {
              metadata: { name: 'web', namespace: NAMESPACE },
              spec: { service: 'web', port: 80, rules: [{ backends: [{}] }], ...split },
            },
          ],
    referenceGrants: [],
    httpRoutes:
      routes === undefined
        ? []
        : [
            {
              metadata: { name: 'web', namespace: NAMESPACE },
              spec: { parentRefs: [{ group: '', kind: 'Service', name: 'web' }], rules: routes },
            },
          ],
  };
}

function service(name: string, clusterIP: string, targetPort: number = PORT.a): Service {
  return {
    metadata: { name, namespace: NAMESPACE },
    spec: { clusterIP, selector: { app: 'server' }, ports: [{ name: 'http', port: 80, targetPort }] },
  };
}

/** One for each endpoint: their ports differ. */
function slice(of: string, port: number, zone: string, address: string): EndpointSlice {
  return {
    metadata: { name: `${of}-${port}`, namespace: NAMESPACE, labels: { 'kubernetes.io/service-name': of } },
    addressType: 'IPv4',
    ports: [{ name: 'http', protocol: 'TCP', port }],
    endpoints: [{ addresses: [address], zone, targetRef: { kind: 'Pod', name: 'server', namespace: NAMESPACE } }],
  };
}

function serverPod(): Pod {
  return {
    metadata: {
      name: 'server',
      namespace: NAMESPACE,
      uid: 'uid-server',
      labels: { app: 'server', 'weft.dev/proxy': 'injected' },
    },
    spec: { serviceAccountName: 'server', containers: [{ name: 'server' }] },
    status: { phase: 'Running' },
  };
}
