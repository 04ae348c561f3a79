import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { applyNftInNetns, renderRedirect } from '../../src/agent/dataplane/nft/redirect.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { ensureAuthority } from '../../src/pki/authority.ts';
import { NetnsLab } from '../../test/dataplane/netns-lab.ts';
import { type Pair, startEcho } from './pair.ts';

const [CALLER, SERVER, ADDRESS] = ['10.9.0.1', '10.9.0.2', '10.96.0.10'] as const;
const PROXY_UID = 1337;
const [PORT, OUTBOUND, INBOUND] = [8080, 15001, 15006] as const;

/** The same two pods without any proxy: what the proxies add is more than this. */
export function startDirectPair(): Pair {
  const lab = new NetnsLab();
  const { a, b } = cable(lab);
  const echo = startEcho(b, PORT);
  const close = () => {
    echo.kill();
    lab.close();
  };
  return { callerNetns: a, url: `http://${SERVER}:${PORT}/`, proxies: [], close };
}

/**
 * The same two pods with the same redirect and the same Envoy, whose configuration is written by hand and has nothing
 * that is not needed: a listener, a route, a cluster, and certificates from files for mutual TLS.
 */
export async function startBarePair(isMutualTls: boolean): Promise<Pair> {
  const lab = new NetnsLab();
  const folder = mkdtempSync(path.join(tmpdir(), 'weft-bench-requests-'));
  // Envoy runs as another user.
  chmodSync(folder, 0o755);
  const { a, b } = cable(lab);
  const tls = isMutualTls ? await certificates(folder) : undefined;
  for (const netns of [a, b]) {
    applyNftInNetns(
      netns,
      renderRedirect({
        ...{ proxyUid: PROXY_UID, inboundPort: INBOUND, outboundPort: OUTBOUND, hostAddresses: [], probePorts: [] },
        ...{ excludedInboundPorts: [], administration: { port: 15000, mark: 1 } },
      }),
    );
  }
  const echo = startEcho(b, PORT);
  const caller = startEnvoy(a, { listen: ['127.0.0.1', OUTBOUND], to: [SERVER, PORT], upstreamTls: tls?.caller });
  const server = startEnvoy(b, { listen: ['0.0.0.0', INBOUND], to: ['127.0.0.1', PORT], downstreamTls: tls?.server });
  return {
    ...{ callerNetns: a, url: `http://${ADDRESS}/`, proxies: [caller.pid ?? 0, server.pid ?? 0] },
    async close() {
      echo.kill();
      for (const envoy of [caller, server]) if (envoy.exitCode === null && envoy.kill()) await once(envoy, 'exit');
      lab.close();
      rmSync(folder, { recursive: true });
    },
  };
}

function cable(lab: NetnsLab) {
  const [a, b] = [lab.add('a'), lab.add('b')];
  lab.ip(a, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', path.basename(b));
  for (const [netns, address] of [
    [a, CALLER],
    [b, SERVER],
  ] as const) {
    for (const link of ['lo', 'eth0']) lab.ip(netns, 'link', 'set', link, 'up');
    lab.ip(netns, 'address', 'add', `${address}/24`, 'dev', 'eth0');
    lab.ip(netns, 'route', 'replace', 'default', 'dev', 'eth0');
  }
  return { a, b };
}

interface EnvoyWish {
  readonly listen: readonly [string, number];
  readonly to: readonly [string, number];
  readonly upstreamTls?: object | undefined;
  readonly downstreamTls?: object | undefined;
}

function startEnvoy(netns: string, { listen, to, upstreamTls, downstreamTls }: EnvoyWish): ChildProcess {
  const at = ([address, port]: readonly [string, number]) => ({ socket_address: { address, port_value: port } });
  const typed = (type: string, more: object) => ({ '@type': `type.googleapis.com/${type}`, ...more });
  const tls = (type: string, context: object) => ({
    name: 'envoy.transport_sockets.tls',
    typed_config: typed(`envoy.extensions.transport_sockets.tls.v3.${type}`, context),
  });
  const manager = typed('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
    stat_prefix: 'calls',
    route_config: {
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [{ match: { prefix: '/' }, route: { cluster: 'next', timeout: '0s' } }],
        },
      ],
    },
    http_filters: [{ name: 'router', typed_config: typed('envoy.extensions.filters.http.router.v3.Router', {}) }],
  });
  const bootstrap = {
    static_resources: {
      listeners: [
        {
          name: 'calls',
          address: at(listen),
          filter_chains: [
            {
              filters: [{ name: 'http', typed_config: manager }],
              ...(downstreamTls === undefined
                ? {}
                : {
                    transport_socket: tls('DownstreamTlsContext', {
                      ...downstreamTls,
                      require_client_certificate: true,
                    }),
                  }),
            },
          ],
        },
      ],
      clusters: [
        {
          ...{ name: 'next', type: 'STATIC', connect_timeout: '5s' },
          load_assignment: { cluster_name: 'next', endpoints: [{ lb_endpoints: [{ endpoint: { address: at(to) } }] }] },
          ...(upstreamTls === undefined ? {} : { transport_socket: tls('UpstreamTlsContext', upstreamTls) }),
        },
      ],
    },
  };
  const envoy = ['envoy', '--config-yaml', JSON.stringify(bootstrap), '--concurrency', '1', '--disable-hot-restart'];
  const as = ['setpriv', `--reuid=${PROXY_UID}`, '--clear-groups', ...envoy, '--log-level', 'error'];
  return spawn('ip', ['netns', 'exec', path.basename(netns), ...as], { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** TLS contexts of both ends, with keys and certificates of the kind that Weft gives to proxies. */
async function certificates(folder: string) {
  const stored = { read: async () => undefined, create: async () => 'created' as const };
  const authority = await ensureAuthority(stored, systemClock);
  const file = (name: string, text: string) => {
    const at = path.join(folder, name);
    writeFileSync(at, text, { mode: 0o644 });
    return { filename: at };
  };
  const roots = file('roots.pem', authority.rootCertificatePem);
  const context = (name: string, peer: string) => {
    const own = authority.issue([{ uri: uriOf(name) }]);
    return {
      common_tls_context: {
        tls_certificates: [
          {
            certificate_chain: file(`${name}.pem`, own.certificatePem),
            private_key: file(`${name}.key`, own.privateKeyPem.reveal()),
          },
        ],
        validation_context: {
          trusted_ca: roots,
          match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact: uriOf(peer) } }],
        },
        tls_params: { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_3' },
      },
    };
  };
  return { caller: context('client', 'server'), server: context('server', 'client') };
}

function uriOf(name: string): string {
  return `spiffe://cluster.local/ns/shop/sa/${name}`;
}
