import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  type AccessLogFilterSchema,
  type AccessLogSchema,
  ComparisonFilter_Op,
} from '../../xds/generated/wire/envoy/config/accesslog/v3/accesslog_pb.js';
import { StdoutAccessLogSchema } from '../../xds/generated/wire/envoy/extensions/access_loggers/stream/v3/stream_pb.js';
import { FractionalPercent_DenominatorType } from '../../xds/generated/wire/envoy/type/v3/percent_pb.js';
import type { AccessLogIr } from '../../model/node/ir.ts';
import { packAny } from './encoded.ts';

type Filter = MessageInitShape<typeof AccessLogFilterSchema> & object;

/** Paths without their query, which may hold what is secret. */
const FIELDS = {
  time: '%START_TIME%',
  caller: '%DOWNSTREAM_PEER_URI_SAN%',
  from: '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%',
  authority: '%REQ(:AUTHORITY)%',
  method: '%REQ(:METHOD)%',
  path: '%PATH(NQ)%',
  protocol: '%PROTOCOL%',
  status: '%RESPONSE_CODE%',
  why: '%RESPONSE_CODE_DETAILS%',
  flags: '%RESPONSE_FLAGS%',
  milliseconds: '%DURATION%',
  receivedBytes: '%BYTES_RECEIVED%',
  sentBytes: '%BYTES_SENT%',
  requestId: '%REQ(X-REQUEST-ID)%',
  traceparent: '%REQ(TRACEPARENT)%',
} as const;

/** A line of JSON for each call, on the proxy's standard output; what is not known is left out. */
export function encodeAccessLog(log: AccessLogIr): MessageInitShape<typeof AccessLogSchema> & object {
  const filter = filterOf(log);
  const jsonFormat = { ...FIELDS };
  const value = packAny(StdoutAccessLogSchema, {
    accessLogFormat: {
      case: 'logFormat',
      value: { format: { case: 'jsonFormat', value: jsonFormat }, omitEmptyValues: true },
    },
  });
  return {
    name: 'envoy.access_loggers.stdout',
    configType: { case: 'typedConfig', value },
    ...(filter === undefined ? {} : { filter }),
  };
}

function filterOf({ minStatus, slowerThanMs, percent }: AccessLogIr): Filter | undefined {
  const wanted = [
    ...(minStatus === undefined ? [] : [statusFrom(minStatus)]),
    ...(slowerThanMs === undefined ? [] : [longerThan(slowerThanMs)]),
  ];
  const [one] = wanted;
  const chosen: Filter[] =
    one === undefined
      ? []
      : [wanted.length === 1 ? one : { filterSpecifier: { case: 'orFilter', value: { filters: wanted } } }];
  const all = [...chosen, ...(percent === 100 ? [] : [share(percent)])];
  if (all.length <= 1) return all[0];
  return { filterSpecifier: { case: 'andFilter', value: { filters: all } } };
}

function comparison(op: ComparisonFilter_Op, value: number, runtimeKey: string) {
  return { comparison: { op, value: { defaultValue: value, runtimeKey } } };
}

function statusFrom(status: number): Filter {
  const value = comparison(ComparisonFilter_Op.GE, status, 'weft.access_log.status');
  return { filterSpecifier: { case: 'statusCodeFilter', value } };
}

function longerThan(ms: number): Filter {
  // GE: there is no greater than.
  const value = comparison(ComparisonFilter_Op.GE, ms + 1, 'weft.access_log.duration');
  return { filterSpecifier: { case: 'durationFilter', value } };
}

function share(percent: number): Filter {
  return {
    filterSpecifier: {
      case: 'runtimeFilter',
      value: {
        runtimeKey: 'weft.access_log.percent',
        percentSampled: { numerator: percent, denominator: FractionalPercent_DenominatorType.HUNDRED },
        useIndependentRandomness: true,
      },
    },
  };
}
