/** Made from crds/ by `npm run generate`; do not edit. */
import type { Condition, ObjectMeta } from '../meta.ts';
import type { LabelSelector } from '../kubernetes.ts';

/**
 * Who may talk to the selected pods, and whom they may talk to. Rules are met in the order of the policies' priority and of the list; the first that matches decides. Kubernetes' own NetworkPolicies are met after all of these, and ClusterNetworkPolicies of tier Admin before. A pod that some policy selects for a direction is isolated in it: what no rule allows is dropped.
 */
export interface NetworkPolicy {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
  readonly spec: NetworkPolicySpec;
  readonly status?: NetworkPolicyStatus;
}
/**
 * The pods and their rules.
 */
export interface NetworkPolicySpec {
  /**
   * Place among the NetworkPolicies of weft.dev, 0 to 1000; lower ones are met first. Those of equal priority are met in the order of namespace and name.
   */
  readonly priority?: number;
  /**
   * Audit puts the policy on trial: nodes count what it would have decided, and do not enforce it.
   */
  readonly mode?: 'Enforce' | 'Audit';
  /**
   * What becomes of connections that are open when the policy comes to deny them: Reevaluate cuts them, Keep leaves them be. What no rule allows cuts them unless all policies that isolate the pod keep them.
   */
  readonly establishedConnections?: 'Reevaluate' | 'Keep';
  /**
   * A selection by labels; empty selects all. What is listed must hold together.
   */
  readonly podSelector?: LabelSelector;
  readonly connections?: NetworkPolicyConnections;
  readonly bandwidth?: NetworkPolicyBandwidth;
  /**
   * Rules for traffic to the pods. When present, even as an empty list, the pods' ingress is isolated; when absent, the policy says nothing about it.
   */
  readonly ingress?: readonly NetworkPolicyIngressRule[];
  /**
   * Rules for traffic from the pods. When present, even as an empty list, the pods' egress is isolated; when absent, the policy says nothing about it.
   */
  readonly egress?: readonly NetworkPolicyEgressRule[];
}
/**
 * Limits of the connections of each selected pod, each pod for itself. What is allowed and over one of them is dropped. A limit isolates nobody. Without ingress and egress, the policy has limits alone.
 */
export interface NetworkPolicyConnections {
  readonly ingress?: NetworkPolicyConnectionLimit;
  readonly egress?: NetworkPolicyConnectionLimit;
}
/**
 * Of those to the pod, or from it.
 */
export interface NetworkPolicyConnectionLimit {
  /**
   * Those that are open at once, counted from when the limit came.
   */
  readonly max?: number;
  /**
   * Those that are opened in a second, on average; as many may come at once.
   */
  readonly newPerSecond?: number;
}
/**
 * Bits a second that each selected pod may get and send, each pod for itself; of several policies and the pod's own annotations the least counts. It holds back, drops nothing by itself, and isolates nobody.
 */
export interface NetworkPolicyBandwidth {
  /**
   * A quantity of bits a second, to the pod or from it, for example 500k, 10M or 2.5G.
   */
  readonly ingress?: string;
  /**
   * A quantity of bits a second, to the pod or from it, for example 500k, 10M or 2.5G.
   */
  readonly egress?: string;
}
export interface NetworkPolicyIngressRule {
  /**
   * Requests that the rule is about, any of which matches; judged by the pod's own proxy on its HTTP ports. Where no proxy reads HTTP, an Allow with http matches nothing, and a Deny every connection.
   */
  readonly http?: readonly NetworkPolicyHttp[];
  /**
   * What happens to traffic that the rule matches. Deny drops it, Reject answers TCP by a reset and everything else by ICMP, administratively prohibited. Pass skips all other NetworkPolicies of weft.dev, and leaves it to those of Kubernetes and to the Baseline tier. Log has the node's agent write who dials whom into its log, at most 10 times a second, and goes on with the next rule.
   */
  readonly action: 'Allow' | 'Deny' | 'Reject' | 'Pass' | 'Log';
  /**
   * Where the traffic comes from, any of which matches; empty or absent matches everybody.
   */
  readonly from?: readonly NetworkPolicyPeer[];
  /**
   * Destination ports, or types of ICMP, any of which matches; empty or absent matches every protocol and port.
   */
  readonly ports?: readonly NetworkPolicyPort[];
}
/**
 * What is given must hold together.
 */
export interface NetworkPolicyHttp {
  /**
   * Methods, any of which matches, for example GET.
   */
  readonly methods?: readonly string[];
  /**
   * Paths, any of which matches, without the query. One that servers read in different ways (with //, an escaped slash or a semicolon) is allowed by none, and denied by each.
   */
  readonly paths?: readonly NetworkPolicyHttpPath[];
  /**
   * Headers, all of which must match.
   */
  readonly headers?: readonly NetworkPolicyHttpHeader[];
}
export interface NetworkPolicyHttpPath {
  /**
   * The whole path, for example /health.
   */
  readonly exact?: string;
  /**
   * The path and all below it: /api is /api and /api/orders, and not /apis.
   */
  readonly prefix?: string;
}
export interface NetworkPolicyHttpHeader {
  /**
   * The name, in lower case, for example x-team.
   */
  readonly name: string;
  /**
   * The whole value; absent is any.
   */
  readonly value?: string;
}
/**
 * The far end: pods, the pods of a Service, or a range of addresses. podSelector and serviceAccount without namespaceSelector are of the policy's own namespace; what is given must hold together.
 */
export interface NetworkPolicyPeer {
  /**
   * A selection by labels; empty selects all. What is listed must hold together.
   */
  readonly podSelector?: LabelSelector;
  /**
   * A selection by labels; empty selects all. What is listed must hold together.
   */
  readonly namespaceSelector?: LabelSelector;
  readonly serviceAccount?: NetworkPolicyServiceAccount;
  readonly service?: NetworkPolicyService;
  readonly ipBlock?: NetworkPolicyIPBlock;
}
/**
 * The service account that the pods run as.
 */
export interface NetworkPolicyServiceAccount {
  /**
   * The object's name.
   */
  readonly name: string;
}
/**
 * The pods that a Service selects, whatever their ports.
 */
export interface NetworkPolicyService {
  /**
   * The object's name.
   */
  readonly name: string;
  /**
   * The Service's namespace; absent is the policy's own.
   */
  readonly namespace?: string;
}
/**
 * A range of addresses; meant for the world outside of the cluster.
 */
export interface NetworkPolicyIPBlock {
  /**
   * A prefix without host bits, for example 192.0.2.0/24 or 2001:db8::/32.
   */
  readonly cidr: string;
  /**
   * Ranges within cidr that do not match, for example 192.0.2.128/25.
   */
  readonly except?: readonly string[];
}
export interface NetworkPolicyPort {
  /**
   * The protocol of the port; ICMP is of IPv4, ICMPv6 of IPv6.
   */
  readonly protocol?: 'TCP' | 'UDP' | 'SCTP' | 'ICMP' | 'ICMPv6';
  readonly icmp?: NetworkPolicyIcmp;
  /**
   * The port, or the first of a range; absent is every port of the protocol.
   */
  readonly port?: number;
  /**
   * The last port of a range.
   */
  readonly endPort?: number;
}
/**
 * Messages of ICMP; absent is all of them. 8 of ICMP and 128 of ICMPv6 is ping's.
 */
export interface NetworkPolicyIcmp {
  /**
   * The message's type.
   */
  readonly type: number;
  /**
   * The message's code; absent is every one.
   */
  readonly code?: number;
}
export interface NetworkPolicyEgressRule {
  /**
   * What happens to traffic that the rule matches. Deny drops it, Reject answers TCP by a reset and everything else by ICMP, administratively prohibited. Pass skips all other NetworkPolicies of weft.dev, and leaves it to those of Kubernetes and to the Baseline tier. Log has the node's agent write who dials whom into its log, at most 10 times a second, and goes on with the next rule.
   */
  readonly action: 'Allow' | 'Deny' | 'Reject' | 'Pass' | 'Log';
  /**
   * Where the traffic goes to, any of which matches; empty or absent matches everybody.
   */
  readonly to?: readonly NetworkPolicyPeer[];
  /**
   * Destination ports, or types of ICMP, any of which matches; empty or absent matches every protocol and port.
   */
  readonly ports?: readonly NetworkPolicyPort[];
}
/**
 * Where the policy is in force. Written by the operator.
 */
export interface NetworkPolicyStatus {
  /**
   * Pods that the policy selects.
   */
  readonly selectedPods?: number;
  readonly nodes?: NetworkPolicyNodes;
  /**
   * Accepted: every rule can be enforced. Programmed: every Ready node that runs such pods enforces the policy in this form.
   */
  readonly conditions?: readonly Condition[];
}
/**
 * Ready nodes that run such pods.
 */
export interface NetworkPolicyNodes {
  /**
   * All of them.
   */
  readonly targeted?: number;
  /**
   * Those that have the policy in their kernel.
   */
  readonly programmed?: number;
  /**
   * Those that could not apply it.
   */
  readonly failed?: number;
}
