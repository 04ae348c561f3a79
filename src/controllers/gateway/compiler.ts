import type { Gateway } from '../../api/gateway.ts';
import type { Pod } from '../../api/kubernetes.ts';
import { type KubeObject, objectKey } from '../../api/meta.ts';
import type { StoreReader } from '../../kube/store.ts';
import type { GatewayIndex } from '../../model/mesh/gateway/gateway-index.ts';
import { GATEWAY_LABEL, isOurs } from '../../model/mesh/gateway/gateway-index.ts';
import { certificatesOfGateway, translateGateway } from '../../model/mesh/gateway/translate-gateway.ts';
import { isInjected } from '../../model/mesh/identity.ts';
import type { DesiredTable } from '../../model/node/desired.ts';

export interface GatewayCompilerDeps {
  readonly gateways: StoreReader<Gateway>;
  readonly pods: StoreReader<Pod>;
  /** Whatever else Gateways are translated from. */
  readonly sources: readonly StoreReader<KubeObject>[];
  readonly index: GatewayIndex;
  readonly table: Pick<DesiredTable, 'set' | 'remove'>;
}

/**
 * Keeps Gateways and their certificates in the table of what nodes should hold, for the nodes that run a pod of them.
 * Gateways are few: when anything that they depend on has changed, all are translated, and the table sees what differs.
 */
export class GatewayCompiler {
  readonly #deps: GatewayCompilerDeps;
  #isChanged = true;
  #told: { readonly kind: 'gateway' | 'gatewayCertificate'; readonly key: string }[] = [];

  /** @param wake called when there is something to flush. */
  constructor(deps: GatewayCompilerDeps, wake: () => void) {
    this.#deps = deps;
    const { gateways, sources, pods } = deps;
    const changed = () => {
      this.#isChanged = true;
      wake();
    };
    gateways.onChange(changed);
    for (const store of sources) {
      store.onChange(() => {
        if (gateways.list().length > 0) changed();
      });
    }
    pods.onChange((_key, before, after) => {
      if (isGatewayPod(before) || isGatewayPod(after)) changed();
    });
  }

  /** Call when a certificate may be another. */
  certificatesChanged(): void {
    this.#isChanged = true;
  }

  /** Brings the table up to date. */
  flush(): void {
    if (!this.#isChanged) return;
    this.#isChanged = false;
    const { gateways, index, table } = this.#deps;
    const before = this.#told;
    this.#told = [];
    const users = new Map<string, Set<string>>();
    for (const gateway of gateways.list()) {
      if (!isOurs(index, gateway)) continue;
      const key = objectKey(gateway);
      const nodes = this.#nodesOf(gateway);
      const translated = translateGateway(gateway, index);
      table.set('gateway', key, translated, nodes);
      this.#told.push({ kind: 'gateway', key });
      for (const secret of certificatesOfGateway(translated)) {
        users.set(secret, new Set([...(users.get(secret) ?? []), ...nodes]));
      }
    }
    for (const [key, nodes] of users) {
      const certificate = index.certificate(key);
      if (certificate === undefined) continue;
      const { chainPem, keyPem } = certificate;
      table.set('gatewayCertificate', key, { chainPem, keyPem }, [...nodes].sort());
      this.#told.push({ kind: 'gatewayCertificate', key });
    }
    const still = new Set(this.#told.map(({ kind, key }) => `${kind} ${key}`));
    for (const { kind, key } of before) if (!still.has(`${kind} ${key}`)) table.remove(kind, key);
  }

  #nodesOf({ metadata: { namespace = 'default', name } }: Gateway): readonly string[] {
    const own = this.#deps.pods
      .inNamespace(namespace)
      .filter((pod) => isGatewayPod(pod) && pod.metadata.labels?.[GATEWAY_LABEL] === name);
    return [...new Set(own.flatMap(({ spec }) => spec.nodeName ?? []))].sort();
  }
}

function isGatewayPod(pod: Pod | undefined): boolean {
  return pod !== undefined && isInjected(pod) && pod.metadata.labels?.[GATEWAY_LABEL] !== undefined;
}
