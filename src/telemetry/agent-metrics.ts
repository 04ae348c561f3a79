import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** What rules have matched since the agent's start. */
export interface RuleCount {
  /** The policy (its kind, and `namespace/name`) of a rule for pods; why packets are dropped, for a guard. */
  readonly origin: string;
  /** Guards are the rules that no policy asked for; audited is what a policy on trial would have decided. */
  readonly kind: 'policy' | 'audit' | 'guard';
  /** Not of guards. */
  readonly direction?: 'ingress' | 'egress';
  /** `allow`, `deny`, `reject` or `pass`. */
  readonly verdict: string;
  readonly packets: number;
  readonly bytes: number;
}

/** Asked at each scrape. */
export interface AgentFacts {
  readonly leases: () => number;
  readonly proxies: () => number;
  /** Operator replicas that are connected. */
  readonly operators: () => number;
  readonly rules: () => readonly RuleCount[];
}

/** Told as it happens. */
export interface AgentObserver {
  /** `code` is CNI's, 0 for success. */
  cniAnswered(verb: string, code: number, durationMs: number): void;
  /** Something that others changed was put back. */
  repaired(what: string): void;
  /** Pods may have been without their policy for so long. */
  policyOpened(atMostMs: number): void;
}

/** Counters by policy, never by pod: their number grows with the policies in force on the node. */
export function observeAgent(registry: Registry, facts: AgentFacts): AgentObserver {
  const registers = [registry];
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      ...{ name, help, registers },
      collect() {
        this.set(read());
      },
    });
  gauge('weft_agent_leases', 'Addresses that attachments of this node hold.', facts.leases);
  gauge('weft_agent_proxies', 'Proxies that this node serves.', facts.proxies);
  gauge('weft_agent_operators', 'Operator replicas that are connected.', facts.operators);
  const labelNames = ['policy', 'direction', 'verdict'] as const;
  const bytes = new Counter({
    ...{ name: 'weft_policy_bytes_total', help: 'Bytes that rules of a policy matched.', labelNames, registers },
  });
  const guards = new Counter({
    ...{ name: 'weft_guard_drops_total', help: 'Packets that no network may carry.', labelNames: ['why'], registers },
  });
  const audited = new Counter({
    name: 'weft_policy_audit_packets_total',
    help: 'Packets about which a policy on trial would have decided so.',
    labelNames,
    registers,
  });
  new Counter({
    ...{ name: 'weft_policy_packets_total', help: 'Packets that rules of a policy matched.', labelNames, registers },
    collect() {
      for (const counter of [this, bytes, guards, audited]) counter.reset();
      for (const { origin, kind, direction = '', verdict, ...count } of facts.rules()) {
        if (kind === 'guard') guards.inc({ why: origin }, count.packets);
        else if (kind === 'audit') audited.inc({ policy: origin, direction, verdict }, count.packets);
        else {
          this.inc({ policy: origin, direction, verdict }, count.packets);
          bytes.inc({ policy: origin, direction, verdict }, count.bytes);
        }
      }
    },
  });
  const duration = new Histogram({
    name: 'weft_cni_duration_seconds',
    help: 'Time from a CNI request to its answer, by verb and error code (0: success).',
    labelNames: ['verb', 'code'] as const,
    buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 10, 100],
    registers,
  });
  const repairs = new Counter({
    name: 'weft_agent_repairs_total',
    help: 'Times that something of Weft was found changed by others, and put back.',
    labelNames: ['what'] as const,
    registers,
  });
  const open = new Counter({
    name: 'weft_policy_open_seconds_total',
    help: 'Time that pods may have been without their policy, as others had changed the table: at most.',
    registers,
  });
  return {
    cniAnswered: (verb, code, durationMs) => duration.observe({ verb, code: String(code) }, durationMs / 1000),
    repaired: (what) => repairs.inc({ what }),
    policyOpened: (atMostMs) => open.inc(atMostMs / 1000),
  };
}
