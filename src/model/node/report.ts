/** What a node's agent says of the node: told at start, and whenever it changes. */
export interface NodeReportIr {
  /** The CNI configuration is installed, and ADDs are served. */
  readonly serving: boolean;
  /** Why agent or data plane is broken; empty while they work. */
  readonly faults: readonly string[];
  readonly versions: { readonly agent: string; readonly kernel: string };
  /** Of pods' links, in bytes; absent until the node's own interface is known. */
  readonly podMtu?: number;
  /** Forward chains of others that drop what they do not accept, `family table chain`: pods' traffic dies there. */
  readonly forwardDrops: readonly string[];
}
