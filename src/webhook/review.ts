/** AdmissionReview, admission.k8s.io/v1: the parts that Weft reads and writes. */

export interface AdmissionRequest {
  /** Of this review; the answer repeats it. */
  readonly uid: string;
  readonly kind: { readonly group: string; readonly version: string; readonly kind: string };
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';
  /** Of the namespace the object is in; absent for cluster-scoped objects. A new pod's own metadata may lack it. */
  readonly namespace?: string;
  /** Empty while the API server has yet to make one from `generateName`. */
  readonly name?: string;
  readonly dryRun?: boolean;
  /** As it would be stored; absent for DELETE. Untrusted: the handler parses it. */
  readonly object?: unknown;
  readonly oldObject?: unknown;
}

/** RFC 6902. */
export interface PatchOperation {
  readonly op: 'add' | 'replace' | 'remove';
  readonly path: string;
  readonly value?: unknown;
}

export type AdmissionResponse =
  | {
      readonly allowed: true;
      readonly patch?: readonly PatchOperation[];
      /** Shown to the user by kubectl, each at most 256 characters. */
      readonly warnings?: readonly string[];
    }
  | {
      readonly allowed: false;
      /** HTTP status that the user sees; 403 for a refusal, 500 for a failure. */
      readonly code: number;
      readonly message: string;
      readonly warnings?: readonly string[];
    };

/** Reads a review; what is wrong with it as a sentence when it is none. */
export function parseReview(text: string): AdmissionRequest | string {
  let review: { readonly apiVersion?: unknown; readonly request?: Partial<AdmissionRequest> | null } | null;
  try {
    review = JSON.parse(text);
  } catch {
    return 'the body must be JSON';
  }
  if (review?.apiVersion !== 'admission.k8s.io/v1') return "apiVersion must be 'admission.k8s.io/v1'";
  const request = review.request;
  if (typeof request !== 'object' || request === null) return 'request must be an object';
  if (typeof request.uid !== 'string' || request.uid === '') return 'request.uid must be a string';
  if (typeof request.kind?.kind !== 'string') return 'request.kind must name a kind';
  if (typeof request.operation !== 'string') return 'request.operation must be a string';
  return request as AdmissionRequest;
}

/** The answer's text. */
export function renderReview(uid: string, response: AdmissionResponse): string {
  const { allowed, warnings = [] } = response;
  return JSON.stringify({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: {
      uid,
      allowed,
      ...(warnings.length === 0 ? {} : { warnings: warnings.map((warning) => warning.slice(0, 256)) }),
      ...(response.allowed ? renderPatch(response.patch ?? []) : renderRefusal(response)),
    },
  });
}

function renderPatch(patch: readonly PatchOperation[]) {
  if (patch.length === 0) return {};
  return { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') };
}

function renderRefusal({ code, message }: { readonly code: number; readonly message: string }) {
  return { status: { code, message } };
}
