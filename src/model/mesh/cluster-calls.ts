/** What the proxies of a node have sent to a cluster since its agent's start. */
export interface ClusterCalls {
  /** Key of an `endpoints` resource. */
  readonly cluster: string;
  /** Requests; of TCP, connections. */
  readonly calls: number;
}
