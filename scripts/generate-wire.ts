import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** Envoy's protos come with this package; nothing of them is committed. */
const ENVOY_PROTOS = 'node_modules/@grpc/grpc-js-xds/deps';
/** What `agent/envoy` and `xds` speak of; what these import comes along. */
const ENVOY_ENTRIES = [
  'service/discovery/v3/discovery',
  'service/discovery/v3/ads',
  'config/listener/v3/listener',
  'config/cluster/v3/cluster',
  'config/endpoint/v3/endpoint',
  'config/route/v3/route',
  'extensions/filters/network/http_connection_manager/v3/http_connection_manager',
  'extensions/filters/network/tcp_proxy/v3/tcp_proxy',
  'extensions/filters/network/rbac/v3/rbac',
  'extensions/filters/http/rbac/v3/rbac',
  'extensions/filters/http/fault/v3/fault',
  'extensions/filters/http/local_ratelimit/v3/local_rate_limit',
  'extensions/filters/http/stateful_session/v3/stateful_session',
  'extensions/filters/http/router/v3/router',
  'extensions/http/stateful_session/cookie/v3/cookie',
  'extensions/filters/http/health_check/v3/health_check',
  'extensions/filters/listener/tls_inspector/v3/tls_inspector',
  'extensions/filters/udp/dns_filter/v3/dns_filter',
  'extensions/filters/listener/original_dst/v3/original_dst',
  'extensions/transport_sockets/tls/v3/tls',
  'extensions/transport_sockets/tls/v3/secret',
  'extensions/transport_sockets/raw_buffer/v3/raw_buffer',
  'extensions/retry/host/previous_hosts/v3/previous_hosts',
  'extensions/upstreams/http/v3/http_protocol_options',
  'extensions/access_loggers/stream/v3/stream',
  'config/trace/v3/opentelemetry',
  'extensions/tracers/opentelemetry/resource_detectors/v3/environment_resource_detector',
  'extensions/tracers/opentelemetry/samplers/v3/parent_based_sampler',
  'extensions/tracers/opentelemetry/samplers/v3/trace_id_ratio_based_sampler',
];
/** Younger than that package: what Envoy's reference says of them. */
const SAMPLERS = 'extensions/tracers/opentelemetry/samplers/v3';
const ENVOY_MORE: Readonly<Record<string, readonly string[]>> = {
  [`${SAMPLERS}/parent_based_sampler`]: [
    'import "envoy/config/core/v3/extension.proto";',
    'message ParentBasedSamplerConfig { config.core.v3.TypedExtensionConfig wrapped_sampler = 1; }',
  ],
  [`${SAMPLERS}/trace_id_ratio_based_sampler`]: [
    'import "envoy/type/v3/percent.proto";',
    'message TraceIdRatioBasedSamplerConfig { type.v3.FractionalPercent sampling_percentage = 1; }',
  ],
};

const WIRE = { node: 'src/stream/generated/wire', envoy: 'src/xds/generated/wire' };

/** Generates the protobuf code that `stream` and `xds` import; does nothing when no input has changed. 3 s. */
export async function generateWire(root: string): Promise<void> {
  const inputs = [
    ...readdirSync(path.join(root, 'proto'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.proto'))
      .sort()
      .map((file) => readFileSync(path.join(root, 'proto', file), 'utf8')),
    readFileSync(import.meta.filename, 'utf8'),
    readFileSync(path.join(root, 'package-lock.json'), 'utf8'),
  ];
  const hash = createHash('sha256').update(inputs.join('\0')).digest('hex');
  const stamp = path.join(root, WIRE.envoy, '.stamp');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return;
  rmSync(path.join(root, WIRE.node), { recursive: true, force: true });
  rmSync(path.join(root, WIRE.envoy), { recursive: true, force: true });
  generateNode(root);
  generateEnvoy(root);
  mkdirSync(path.dirname(stamp), { recursive: true });
  writeFileSync(stamp, hash);
}

/** As TypeScript that Node runs as it is: the protocol has no enums. */
function generateNode(root: string): void {
  runBuf(root, path.join(root, 'proto'), {
    out: WIRE.node,
    options: ['target=ts', 'import_extension=ts'],
    entries: [],
  });
}

/** As JavaScript with declarations, because Envoy's enums are not erasable. */
function generateEnvoy(root: string): void {
  const work = mkdtempSync(path.join(os.tmpdir(), 'weft-wire-'));
  try {
    cpSync(path.join(root, ENVOY_PROTOS), work, { recursive: true });
    const modules = ['envoy-api', 'xds', 'googleapis', 'protoc-gen-validate'].map((name) => ({ path: name }));
    writeFileSync(path.join(work, 'buf.yaml'), JSON.stringify({ version: 'v2', modules }));
    allowIgnoreEmpty(path.join(work, 'protoc-gen-validate/validate/validate.proto'));
    for (const [name, lines] of Object.entries(ENVOY_MORE)) {
      const text = ['syntax = "proto3";', 'package envoy.extensions.tracers.opentelemetry.samplers.v3;', ...lines];
      writeFileSync(path.join(work, `envoy-api/envoy/${name}.proto`), text.join('\n'));
    }
    const entries = ENVOY_ENTRIES.map((entry) => path.join(work, `envoy-api/envoy/${entry}.proto`));
    runBuf(root, work, { out: WIRE.envoy, options: ['target=js+dts', 'import_extension=js'], entries });
  } finally {
    rmSync(work, { recursive: true });
  }
}

/** The package's validate.proto is older than the protos that use it: its rules lack one field, which nothing here reads. */
function allowIgnoreEmpty(file: string): void {
  const text = readFileSync(file, 'utf8');
  const newer = text.replaceAll(/^message \w+Rules \{/gm, (head) => `${head}\n  optional bool ignore_empty = 1000;`);
  writeFileSync(file, newer);
}

function runBuf(
  root: string,
  input: string,
  {
    out,
    options,
    entries,
  }: { readonly out: string; readonly options: readonly string[]; readonly entries: readonly string[] },
): void {
  const plugin = {
    local: 'protoc-gen-es',
    out: path.join(root, out),
    opt: options,
    strategy: 'all',
    include_imports: true,
  };
  const template = JSON.stringify({ version: 'v2', plugins: [plugin] });
  const bin = path.join(root, 'node_modules/.bin');
  execFileSync(
    path.join(bin, 'buf'),
    ['generate', input, '--template', template, ...entries.flatMap((entry) => ['--path', entry])],
    {
      cwd: input,
      env: { ...process.env, PATH: `${bin}:${process.env['PATH'] ?? ''}` },
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  );
}

if (import.meta.main) await generateWire(path.resolve(import.meta.dirname, '..'));
