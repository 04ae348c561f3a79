import type { MessageInitShape } from '@bufbuild/protobuf';
import { Cluster_LbPolicy, type ClusterSchema } from '../../xds/generated/wire/envoy/config/cluster/v3/cluster_pb.js';
import type { RouteAction_HashPolicySchema } from '../../xds/generated/wire/envoy/config/route/v3/route_components_pb.js';
import type { EndpointsIr } from '../../model/node/ir.ts';
import type { HashIr } from '../../model/node/sending-ir.ts';
import { durationOf } from './encoded.ts';

type Cluster = MessageInitShape<typeof ClusterSchema> & object;
type HashPolicy = MessageInitShape<typeof RouteAction_HashPolicySchema>;

const LB_POLICY = {
  RoundRobin: Cluster_LbPolicy.ROUND_ROBIN,
  LeastRequest: Cluster_LbPolicy.LEAST_REQUEST,
  Random: Cluster_LbPolicy.RANDOM,
  RingHash: Cluster_LbPolicy.RING_HASH,
  Maglev: Cluster_LbPolicy.MAGLEV,
} as const;

/** How a cluster's endpoints are chosen. */
export function loadBalancingOf({
  loadBalancing,
  slowStartMs,
  panicThresholdPercent,
}: EndpointsIr): Pick<Cluster, 'lbPolicy' | 'lbConfig' | 'commonLbConfig'> {
  return {
    lbPolicy: LB_POLICY[loadBalancing],
    ...(slowStartMs === undefined ? {} : { lbConfig: slowStartOf(loadBalancing, slowStartMs) }),
    ...(panicThresholdPercent === undefined
      ? {}
      : { commonLbConfig: { healthyPanicThreshold: { value: panicThresholdPercent } } }),
  };
}

function slowStartOf(loadBalancing: EndpointsIr['loadBalancing'], windowMs: number): NonNullable<Cluster['lbConfig']> {
  const value = { slowStartConfig: { slowStartWindow: durationOf(windowMs) } };
  return loadBalancing === 'RoundRobin'
    ? { case: 'roundRobinLbConfig', value }
    : { case: 'leastRequestLbConfig', value };
}

/** What RingHash and Maglev look at, for a route. */
export function hashPolicyOf(hash: HashIr | undefined): HashPolicy[] {
  if (hash === undefined) return [];
  switch (hash.by) {
    case 'Header':
      return [{ policySpecifier: { case: 'header', value: { headerName: hash.name } } }];
    case 'Query':
      return [{ policySpecifier: { case: 'queryParameter', value: { name: hash.name } } }];
    case 'Cookie': {
      const made = hash.ttlSeconds === undefined ? {} : { ttl: durationOf(hash.ttlSeconds * 1000), path: '/' };
      return [{ policySpecifier: { case: 'cookie', value: { name: hash.name, ...made } } }];
    }
    case 'SourceAddress':
      return [{ policySpecifier: { case: 'connectionProperties', value: { sourceIp: true } } }];
  }
}
