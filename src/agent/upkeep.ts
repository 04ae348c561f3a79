import type { Logger } from '../lib/logger.ts';
import type { Attacher } from './cni/attach.ts';
import type { PolicyTable } from './dataplane/nft/policy-table.ts';
import type { NodeNetwork } from './network.ts';
import type { NodeServices } from './services.ts';

export interface UpkeepDeps {
  readonly policy: PolicyTable;
  readonly services: NodeServices;
  /** By what they are called; each puts itself back and says whether it had to. */
  readonly tables: Readonly<Record<string, { repair(): Promise<boolean> }>>;
  readonly network: NodeNetwork;
  readonly attacher: Attacher;
  /** Told of each thing that was put back. */
  readonly repaired: (what: string) => void;
  readonly logger: Logger;
}

/** Compares the kernel with what it was told, and puts back what somebody else changed. */
export class Upkeep {
  readonly #deps: UpkeepDeps;
  #policyRepairsTold = 0;

  constructor(deps: UpkeepDeps) {
    this.#deps = deps;
  }

  /** @throws what the kernel refused; what comes after that waits for the next look. */
  async look(): Promise<void> {
    const { policy, services, tables, network, attacher, repaired, logger } = this.#deps;
    if (!policy.verify()) await policy.repair();
    for (; this.#policyRepairsTold < policy.repairs; this.#policyRepairsTold += 1) {
      logger.warn('the policy table was changed by somebody else; it was put back');
      repaired('policy table');
    }
    if (await services.look()) {
      logger.warn('the service table was changed by somebody else; it was put back');
      repaired('service table');
    }
    for (const [name, table] of Object.entries(tables)) {
      if (!(await table.repair())) continue;
      logger.warn('a table was changed by somebody else; it was put back', { table: name });
      repaired(name);
    }
    if ((await network.applyNode()).length > 0) repaired('node network');
    const links = await attacher.repair();
    if (links === 0) return;
    logger.warn('links or routes of pods were taken away by somebody else; put back', { count: links });
    repaired('pod link');
  }
}
