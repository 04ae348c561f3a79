/** Kubernetes' own kinds that only this room reads or writes. Times here are metav1.MicroTime text, see `microTime`. */
import type { KubeObject } from '../api/meta.ts';

export interface Lease extends KubeObject {
  readonly spec?: {
    /** Empty: nobody holds it. */
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

export interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

export interface Secret extends KubeObject {
  readonly type?: string;
  /** Base64. */
  readonly data?: Readonly<Record<string, string>>;
}

/** events.k8s.io/v1. */
export interface Event extends KubeObject {
  readonly eventTime: string;
  readonly series?: { readonly count: number; readonly lastObservedTime: string };
  readonly reportingController: string;
  readonly reportingInstance: string;
  readonly action: string;
  readonly reason: string;
  readonly regarding: {
    readonly apiVersion: string;
    readonly kind: string;
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
  };
  readonly note: string;
  readonly type: 'Normal' | 'Warning';
}

/** RFC 3339 with exactly six digits of fraction: Go's decoder of MicroTime takes nothing else. */
export function microTime(epochMs: number): string {
  return new Date(epochMs).toISOString().replace('Z', '000Z');
}
