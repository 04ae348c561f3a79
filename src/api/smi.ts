import type { KubeObject } from './meta.ts';

/** split.smi-spec.io/v1alpha4 TrafficSplit (Service Mesh Interface). It has no status. */
export interface SmiTrafficSplit extends KubeObject {
  readonly spec: {
    /** The root service, by its name in the namespace, or the full one in the cluster's DNS. */
    readonly service: string;
    readonly backends?: readonly { readonly service: string; readonly weight?: number }[];
    /** Calls that are split; absent is every one. */
    readonly matches?: readonly { readonly kind?: string; readonly name: string }[];
  };
}

/** specs.smi-spec.io/v1alpha4 HTTPRouteGroup. */
export interface HTTPRouteGroup extends KubeObject {
  readonly spec: {
    readonly matches?: readonly {
      readonly name?: string;
      readonly pathRegex?: string;
      /** `*` is every one. */
      readonly methods?: readonly string[];
      /** Name → expression, one or several in each. */
      readonly headers?: readonly Readonly<Record<string, string>>[] | Readonly<Record<string, string>>;
    }[];
  };
}
