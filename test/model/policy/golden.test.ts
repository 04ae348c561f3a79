import path from 'node:path';
import { describe, test } from '@jest/globals';
import { parse } from 'yaml';
import type { ClusterNetworkPolicy } from '../../../src/api/cluster-network-policy.ts';
import type { NetworkPolicy } from '../../../src/api/generated/networkpolicy.ts';
import type { KubernetesNetworkPolicy, Namespace, Node, Pod, Service } from '../../../src/api/kubernetes.ts';
import type { PortIr, RuleIr } from '../../../src/model/node/ir.ts';
import { createPolicyIndex, type PolicyIndex } from '../../../src/model/policy/policy-index.ts';
import { expectGolden, goldenCases, goldenInput } from '../../support/golden.ts';

const DIR = path.join(import.meta.dirname, 'golden');

interface Input {
  readonly pods: Pod[];
  readonly namespaces?: Namespace[];
  readonly kubernetesPolicies?: KubernetesNetworkPolicy[];
  readonly policies?: NetworkPolicy[];
  readonly clusterPolicies?: ClusterNetworkPolicy[];
  readonly nodes?: Node[];
  readonly services?: Service[];
}

/** The chain of a pod as a person would read it, with members in the place of set keys. */
function readable(index: PolicyIndex, key: string | undefined): unknown {
  if (key === undefined) return 'not isolated';
  const chain = index.chain(key);
  const ruleText = ({ peers, ports, ...rule }: RuleIr) => ({
    ...rule,
    peers: peers === 'any' ? 'any' : peers.flatMap((set) => index.addressSet(set)?.members ?? [`no set ${set}`]).sort(),
    ports: ports === 'any' ? 'any' : ports.map(portText),
  });
  if (chain === undefined) return 'no chain';
  const { rules, audit, ...more } = chain;
  const onTrial = audit === undefined ? {} : { audit: { ...audit, rules: audit.rules.map(ruleText) } };
  return { ...more, rules: rules.map(ruleText), ...onTrial };
}

function portText({ protocol, from, to }: PortIr): string {
  return from === to ? `${protocol}/${from}` : `${protocol}/${from}-${to}`;
}

describe('the chains of', () => {
  test.each(goldenCases(DIR))('%s', (name) => {
    const input = parse(goldenInput(DIR, name)) as Input;
    const index = createPolicyIndex();
    index.apply({
      pods: { upserts: input.pods },
      namespaces: { upserts: input.namespaces ?? [] },
      kubernetesPolicies: { upserts: input.kubernetesPolicies ?? [] },
      policies: { upserts: input.policies ?? [] },
      clusterPolicies: { upserts: input.clusterPolicies ?? [] },
      nodes: { upserts: input.nodes ?? [] },
      services: { upserts: input.services ?? [] },
    });
    const chains = input.pods.map(({ metadata }) => {
      const binding = index.binding(metadata.uid ?? '');
      const pod = `${metadata.namespace}/${metadata.name}`;
      if (binding === undefined) return [pod, 'no binding'] as const;
      const { ingressChain, egressChain } = binding;
      return [pod, { ingress: readable(index, ingressChain), egress: readable(index, egressChain) }] as const;
    });
    expectGolden(DIR, name, Object.fromEntries(chains));
  });
});
