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
  /** Absent from an agent that does not say. */
  readonly services?: ServiceRoutingReport;
  /** What is there of other networks, `foreignNetworks`; absent from an agent that does not say. */
  readonly foreignNetworks?: readonly string[];
  /** Nodes that pods' packets do not reach from here, or not in full size; absent until that was tried. */
  readonly pathFaults?: readonly PathFault[];
  /** Absent while the node speaks no BGP. */
  readonly bgp?: BgpReportIr;
  /** Absent from an agent that does not say. */
  readonly policyOpenings?: PolicyOpenings;
  /** Names that services of the mesh are found by, sorted; absent from an agent that does not say. */
  readonly names?: readonly NameReport[];
}

export interface NameReport {
  readonly name: string;
  /** So many are called. */
  readonly addresses: number;
  /** Why the name is not found now, and since when (RFC 3339). */
  readonly problem?: { readonly message: string; readonly since: string };
}

/** Times since the agent's start that somebody else took the policy table away or changed it. */
export interface PolicyOpenings {
  readonly count: number;
  /** How long pods were at most without their policy the last time, in milliseconds. */
  readonly lastMs: number;
}

export interface BgpReportIr {
  readonly asNumber: number;
  /** By address of the peer; all that there should be. */
  readonly sessions: readonly BgpSessionReportIr[];
}

export interface BgpSessionReportIr {
  readonly address: string;
  /** As in `BgpSessionIr`. */
  readonly peer: string;
  readonly asNumber: number;
  /** `Established`, `Connecting` or `Down`. */
  readonly state: string;
  /** RFC 3339: when it came up or went down. */
  readonly since?: string;
  /** Routes; up to a minute old. */
  readonly imported: number;
  readonly exported: number;
  /** Why it is not established; may be empty. */
  readonly message: string;
}

export interface PathFault {
  readonly node: string;
  readonly family: 4 | 6;
  /** `TooSmall`: small packets arrive, and those of `bytes` do not. */
  readonly what: 'Unreachable' | 'TooSmall';
  /** Of pods' largest packets. */
  readonly bytes: number;
}

/** Who routes Services on the node. `Contested`: Weft, and another proxy runs beside it. `Off`: Weft never does. */
export type ServiceRoutingReport = 'Weft' | 'Other' | 'Contested' | 'Off';
export const SERVICE_ROUTING: readonly ServiceRoutingReport[] = ['Weft', 'Other', 'Contested', 'Off'];
