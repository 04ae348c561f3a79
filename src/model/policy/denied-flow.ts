/** Packets of one sender to one port, that one policy denied. */
export interface DeniedFlow {
  readonly verdict: 'deny' | 'reject';
  /** Whose chain denied it: the receiver's, or the sender's. */
  readonly direction: 'ingress' | 'egress';
  /** As of rules: `NO_RULE` where policies isolate the pod and none allows it. */
  readonly policy: string;
  readonly source: string;
  readonly destination: string;
  /** `TCP`, `UDP`, `SCTP`, `ICMP`, `ICMPv6`, or the number. */
  readonly protocol: string;
  /** Of ICMP the type; absent: there is none. */
  readonly port?: number;
  /** At least: of each rule the kernel hands over ten a second. */
  readonly packets: number;
  /** RFC 3339. */
  readonly first: string;
  readonly last: string;
}

/** What the operators know beside it. */
export interface PlacedFlow extends DeniedFlow {
  /** That denied it. */
  readonly node: string;
  /** `namespace/name` of who has the address now; absent: no pod. */
  readonly sourcePod?: string;
  readonly destinationPod?: string;
}
