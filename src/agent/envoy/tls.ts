import type { MessageInitShape } from '@bufbuild/protobuf';
import type { TransportSocketSchema } from '../../xds/generated/wire/envoy/config/core/v3/base_pb.js';
import { ApiVersion } from '../../xds/generated/wire/envoy/config/core/v3/config_source_pb.js';
import {
  type CertificateValidationContextSchema,
  SubjectAltNameMatcher_SanType,
  TlsParameters_TlsProtocol,
} from '../../xds/generated/wire/envoy/extensions/transport_sockets/tls/v3/common_pb.js';
import {
  type CommonTlsContextSchema,
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from '../../xds/generated/wire/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import { packAny } from './encoded.ts';
import { MESH_ALPN, SECRET } from './names.ts';

export type TransportSocket = MessageInitShape<typeof TransportSocketSchema>;

/** From the stream over which everything else comes. */
export const FROM_ADS = {
  configSourceSpecifier: { case: 'ads' as const, value: {} },
  resourceApiVersion: ApiVersion.V3,
};

const TLS_1_3 = {
  tlsMinimumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_3,
  tlsMaximumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_3,
};

/** Of the one who is called: takes only callers whose certificate leads to the mesh's root. */
export function downstreamMtls(): TransportSocket {
  // It chooses no ALPN: the HTTP version is seen from the first bytes.
  return transportSocket(DownstreamTlsContextSchema, {
    commonTlsContext: commonContext({}),
    requireClientCertificate: true,
  });
}

/** Of one who is called by anybody: shows the certificates of these names, and chooses HTTP/2 where it is offered. */
export function downstreamTls(certificates: readonly string[]): TransportSocket {
  return transportSocket(DownstreamTlsContextSchema, {
    commonTlsContext: {
      tlsParams: { tlsMinimumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_2 },
      tlsCertificateSdsSecretConfigs: certificates.map((name) => ({ name, sdsConfig: FROM_ADS })),
      alpnProtocols: ['h2', 'http/1.1'],
    },
  });
}

/** Of the caller: the one called must be `spiffeId`, by a certificate that leads to the mesh's root. */
export function upstreamMtls(spiffeId: string): TransportSocket {
  const matcher = {
    sanType: SubjectAltNameMatcher_SanType.URI,
    matcher: { matchPattern: { case: 'exact' as const, value: spiffeId } },
  };
  return transportSocket(UpstreamTlsContextSchema, {
    commonTlsContext: { ...commonContext({ matchTypedSubjectAltNames: [matcher] }), alpnProtocols: [MESH_ALPN] },
  });
}

function commonContext(
  validation: MessageInitShape<typeof CertificateValidationContextSchema>,
): MessageInitShape<typeof CommonTlsContextSchema> & object {
  return {
    tlsParams: TLS_1_3,
    tlsCertificateSdsSecretConfigs: [{ name: SECRET.workload, sdsConfig: FROM_ADS }],
    validationContextType: {
      case: 'combinedValidationContext',
      value: {
        defaultValidationContext: validation,
        validationContextSdsSecretConfig: { name: SECRET.roots, sdsConfig: FROM_ADS },
      },
    },
  };
}

function transportSocket<S extends typeof DownstreamTlsContextSchema | typeof UpstreamTlsContextSchema>(
  schema: S,
  context: MessageInitShape<S>,
): TransportSocket {
  return { name: 'envoy.transport_sockets.tls', configType: { case: 'typedConfig', value: packAny(schema, context) } };
}
