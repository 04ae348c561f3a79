import type { MessageInitShape } from '@bufbuild/protobuf';
import { OpenTelemetryConfigSchema } from '../../xds/generated/wire/envoy/config/trace/v3/opentelemetry_pb.js';
import type { HttpConnectionManager_TracingSchema } from '../../xds/generated/wire/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { EnvironmentResourceDetectorConfigSchema } from '../../xds/generated/wire/envoy/extensions/tracers/opentelemetry/resource_detectors/v3/environment_resource_detector_pb.js';
import { ParentBasedSamplerConfigSchema } from '../../xds/generated/wire/envoy/extensions/tracers/opentelemetry/samplers/v3/parent_based_sampler_pb.js';
import { TraceIdRatioBasedSamplerConfigSchema } from '../../xds/generated/wire/envoy/extensions/tracers/opentelemetry/samplers/v3/trace_id_ratio_based_sampler_pb.js';
import { FractionalPercent_DenominatorType } from '../../xds/generated/wire/envoy/type/v3/percent_pb.js';
import type { TracesIr } from '../../model/node/ir.ts';
import { durationOf, packAny } from './encoded.ts';

type Sampler = NonNullable<(MessageInitShape<typeof OpenTelemetryConfigSchema> & object)['sampler']>;

const TIMEOUT_MS = 5_000;

/**
 * Spans by OTLP over HTTP, in the context that W3C's `traceparent` has. Whose they are the proxy takes from its
 * environment (`OTEL_RESOURCE_ATTRIBUTES`), so that all pods of a node have this in common.
 */
export function encodeTraces({
  collector,
  percent,
}: TracesIr): MessageInitShape<typeof HttpConnectionManager_TracingSchema> {
  const detector = 'envoy.tracers.opentelemetry.resource_detectors.environment';
  const [, host = ''] = collector.split('/');
  const provider = packAny(OpenTelemetryConfigSchema, {
    httpService: {
      httpUri: {
        uri: `http://${host}/v1/traces`,
        httpUpstreamType: { case: 'cluster', value: collector },
        timeout: durationOf(TIMEOUT_MS),
      },
    },
    resourceDetectors: [{ name: detector, typedConfig: packAny(EnvironmentResourceDetectorConfigSchema, {}) }],
    sampler: asTheCallerElse(shareOf(percent)),
  });
  return {
    // The sampler decides: Envoy's own drawing of lots would leave traces out that callers have begun.
    randomSampling: { value: 100 },
    provider: { name: 'envoy.tracers.opentelemetry', configType: { case: 'typedConfig', value: provider } },
  };
}

function asTheCallerElse(wrappedSampler: Sampler): Sampler {
  return {
    name: 'envoy.tracers.opentelemetry.samplers.parent_based',
    typedConfig: packAny(ParentBasedSamplerConfigSchema, { wrappedSampler }),
  };
}

function shareOf(percent: number): Sampler {
  const samplingPercentage = { numerator: percent, denominator: FractionalPercent_DenominatorType.HUNDRED };
  return {
    name: 'envoy.tracers.opentelemetry.samplers.trace_id_ratio_based',
    typedConfig: packAny(TraceIdRatioBasedSamplerConfigSchema, { samplingPercentage }),
  };
}
