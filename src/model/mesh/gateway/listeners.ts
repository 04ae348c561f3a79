import type { CertificateRef, Gateway, GatewayListener } from '../../../api/gateway.ts';
import { REASON } from '../../../api/reasons.ts';
import { GATEWAY_API, isGrantedTo } from '../reference-grant.ts';
import type { GatewayIndex } from './gateway-index.ts';

export type ListenerProtocol = 'HTTP' | 'HTTPS' | 'TLS';

/** Why a condition of a listener is not as it should be. */
export interface ListenerProblem {
  readonly reason: string;
  readonly message: string;
}

/** A listener of a Gateway, and what of it holds. */
export interface JudgedListener {
  readonly listener: GatewayListener;
  /** Undefined: one that Weft does not speak. */
  readonly protocol: ListenerProtocol | undefined;
  /** Of those that it allows and Weft knows. */
  readonly kinds: readonly string[];
  /** Keys of the Secrets of its certificates that can be used. */
  readonly certificates: readonly string[];
  readonly notAccepted?: ListenerProblem;
  readonly conflict?: ListenerProblem;
  readonly unresolved?: ListenerProblem;
}

const KINDS: Readonly<Record<ListenerProtocol, readonly string[]>> = {
  HTTP: ['HTTPRoute', 'GRPCRoute'],
  HTTPS: ['HTTPRoute', 'GRPCRoute'],
  TLS: ['TLSRoute'],
};
/** What the proxy keeps for itself. */
const OWN_PORTS = { from: 15_000, to: 15_099 };

/** Whether calls come in by it. One whose certificates are not there answers no handshake, and is in force otherwise. */
export function isOpen({ protocol, notAccepted, conflict, certificates }: JudgedListener): boolean {
  if (protocol === undefined || notAccepted !== undefined || conflict !== undefined) return false;
  return protocol !== 'HTTPS' || certificates.length > 0;
}

/**
 * Why nothing of it is in force. What Weft does not do must not be passed over: `tls` may say that callers need
 * certificates.
 */
export function gatewayRefusal({ spec }: Gateway): ListenerProblem | undefined {
  const { addresses = [], infrastructure, allowedListeners, tls } = spec;
  if (addresses.length > 0) {
    const message = 'spec.addresses is not supported: leave it out, its Service gets them';
    return { reason: REASON.unsupportedAddress, message };
  }
  if (infrastructure?.parametersRef !== undefined) {
    return { reason: REASON.invalidParameters, message: 'spec.infrastructure.parametersRef is not supported' };
  }
  const from = allowedListeners?.namespaces?.from ?? 'None';
  if (from === 'None' && tls === undefined) return undefined;
  const field = tls === undefined ? 'allowedListeners' : 'tls';
  return { reason: REASON.unsupportedValue, message: `spec.${field} is not supported` };
}

/** In the Gateway's order. Of listeners that exclude each other the first counts. */
export function judgeListeners(gateway: Gateway, index: GatewayIndex): readonly JudgedListener[] {
  const before: GatewayListener[] = [];
  const refused = gatewayRefusal(gateway);
  return gateway.spec.listeners.map((listener) => {
    const protocol = protocolOf(listener);
    const notAccepted = refused ?? refusalOf(listener, protocol);
    const conflict = notAccepted === undefined ? conflictWith(before, listener) : undefined;
    if (notAccepted === undefined && conflict === undefined) before.push(listener);
    const allowed = listener.allowedRoutes?.kinds;
    const known = protocol === undefined ? [] : KINDS[protocol];
    const isKnown = ({ group = GATEWAY_API, kind }: { group?: string; kind: string }) =>
      group === GATEWAY_API && known.includes(kind);
    const kinds =
      allowed === undefined || allowed.length === 0 ? known : allowed.filter(isKnown).map(({ kind }) => kind);
    const strange = (allowed ?? []).find((each) => !isKnown(each));
    const { certificates, problem } = certificatesOf(gateway, listener, protocol, index);
    const unresolved =
      strange === undefined
        ? problem
        : { reason: REASON.invalidRouteKinds, message: `allows ${strange.kind}, which this protocol does not carry` };
    return {
      ...{ listener, protocol, kinds, certificates },
      ...(notAccepted === undefined ? {} : { notAccepted }),
      ...(conflict === undefined ? {} : { conflict }),
      ...(unresolved === undefined ? {} : { unresolved }),
    };
  });
}

function protocolOf({ protocol }: GatewayListener): ListenerProtocol | undefined {
  return protocol === 'HTTP' || protocol === 'HTTPS' || protocol === 'TLS' ? protocol : undefined;
}

function refusalOf({ port, tls, protocol: said }: GatewayListener, protocol: ListenerProtocol | undefined) {
  const refuse = (reason: string, message: string): ListenerProblem => ({ reason, message });
  if (protocol === undefined) {
    return refuse(REASON.unsupportedProtocol, `protocol must be HTTP, HTTPS or TLS, and not '${said}'`);
  }
  if (port >= OWN_PORTS.from && port <= OWN_PORTS.to) {
    const message = `port must not be one of ${OWN_PORTS.from} to ${OWN_PORTS.to}, which the proxy has for itself`;
    return refuse(REASON.portUnavailable, message);
  }
  if (protocol === 'HTTPS' && tls?.mode === 'Passthrough') {
    return refuse(REASON.unsupportedValue, 'tls.mode must be Terminate with HTTPS; use TLS to pass it through');
  }
  if (protocol === 'TLS' && tls?.mode !== 'Passthrough') {
    return refuse(REASON.unsupportedValue, 'tls.mode must be Passthrough with TLS; use HTTPS to terminate it');
  }
  return undefined;
}

/** HTTPS and TLS share a port as long as their hostnames differ; plain HTTP shares it with nobody else. */
function conflictWith(before: readonly GatewayListener[], listener: GatewayListener): ListenerProblem | undefined {
  const same = before.filter(({ port }) => port === listener.port);
  const other = same.find(({ protocol }) => (protocol === 'HTTP') !== (listener.protocol === 'HTTP'));
  if (other !== undefined) {
    const message = `has the port of listener '${other.name}', which speaks ${other.protocol}`;
    return { reason: REASON.protocolConflict, message };
  }
  const twin = same.find(({ hostname = '' }) => hostname === (listener.hostname ?? ''));
  if (twin === undefined) return undefined;
  return { reason: REASON.hostnameConflict, message: `has port and hostname of listener '${twin.name}'` };
}

function certificatesOf(
  gateway: Gateway,
  { tls }: GatewayListener,
  protocol: ListenerProtocol | undefined,
  index: GatewayIndex,
): { readonly certificates: readonly string[]; readonly problem?: ListenerProblem } {
  if (protocol !== 'HTTPS') return { certificates: [] };
  const refs = tls?.certificateRefs ?? [];
  if (refs.length === 0) {
    const message = 'tls.certificateRefs must name a Secret with a certificate';
    return { certificates: [], problem: { reason: REASON.invalidCertificateRef, message } };
  }
  const read = refs.map((ref, position) => readCertificate(gateway, ref, `tls.certificateRefs[${position}]`, index));
  const certificates = read.flatMap((each) => (typeof each === 'string' ? [each] : []));
  const problem = read.find((each) => typeof each !== 'string');
  return problem === undefined ? { certificates } : { certificates, problem };
}

/** The Secret's key, or why it cannot be used. */
function readCertificate(
  gateway: Gateway,
  { group = '', kind = 'Secret', name, namespace }: CertificateRef,
  path: string,
  index: GatewayIndex,
): string | ListenerProblem {
  const refuse = (reason: string, message: string): ListenerProblem => ({ reason, message: `${path} ${message}` });
  const own = gateway.metadata.namespace ?? 'default';
  const there = namespace ?? own;
  if (group !== '' || kind !== 'Secret') {
    return refuse(REASON.invalidCertificateRef, `must be a Secret, and not ${kind}`);
  }
  const from = { kind: 'Gateway', namespace: own };
  if (there !== own && !isGrantedTo(index.grantsOf(there), from, { kind: 'Secret', name })) {
    return refuse(REASON.refNotPermitted, `is in namespace '${there}', which has no ReferenceGrant for it`);
  }
  const key = `${there}/${name}`;
  const found = index.certificate(key);
  if (found === undefined) return refuse(REASON.invalidCertificateRef, `names Secret '${key}', which cannot be read`);
  if (found.problem === undefined) return key;
  return refuse(REASON.invalidCertificateRef, `names Secret '${key}': ${found.problem}`);
}
