import { REQUEST_BUCKETS_MS } from './call-counts.ts';
import { AGENT_SOCKET, PROXY_PORT } from './names.ts';

/** Before this many, memory runs out; Envoy warns without a limit. */
const MAX_CONNECTIONS = 50_000;
const AGENT_CLUSTER = 'weft-agent';

/**
 * What a proxy is started with, JSON for `--config-yaml`: everything else comes from the agent behind the abstract
 * socket. The same for every pod: which pod it is follows from the network namespace that the socket is in.
 */
export function renderBootstrap(nodeId: string): string {
  return JSON.stringify({
    node: { id: nodeId, cluster: 'weft' },
    admin: { address: { socket_address: { address: '127.0.0.1', port_value: PROXY_PORT.admin } } },
    dynamic_resources: {
      ads_config: {
        api_type: 'DELTA_GRPC',
        transport_api_version: 'V3',
        set_node_on_first_message_only: true,
        grpc_services: [
          {
            envoy_grpc: {
              cluster_name: AGENT_CLUSTER,
              // A restarted agent is found again soon: by itself Envoy waits up to 30 s.
              retry_policy: { retry_back_off: { base_interval: '0.1s', max_interval: '2s' } },
            },
          },
        ],
      },
      cds_config: FROM_AGENT,
      lds_config: FROM_AGENT,
    },
    stats_config: {
      histogram_bucket_settings: [{ match: { suffix: '_rq_time' }, buckets: REQUEST_BUCKETS_MS }],
    },
    // A mesh has more services than one pod calls.
    deferred_stat_options: { enable_deferred_creation_stats: true },
    static_resources: { clusters: [agentCluster()] },
    overload_manager: {
      resource_monitors: [
        {
          name: 'envoy.resource_monitors.global_downstream_max_connections',
          typed_config: {
            '@type':
              'type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig',
            max_active_downstream_connections: MAX_CONNECTIONS,
          },
        },
      ],
    },
  });
}

/** Waited for without limit: a proxy without its configuration must not call itself ready. */
const FROM_AGENT = { ads: {}, resource_api_version: 'V3', initial_fetch_timeout: '0s' };

function agentCluster() {
  return {
    name: AGENT_CLUSTER,
    type: 'STATIC',
    connect_timeout: '1s',
    load_assignment: {
      cluster_name: AGENT_CLUSTER,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path: `@${AGENT_SOCKET}` } } } }] }],
    },
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        explicit_http_config: {
          http2_protocol_options: { connection_keepalive: { interval: '30s', timeout: '5s' } },
        },
      },
    },
  };
}
