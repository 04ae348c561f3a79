import type { PolicyEffects } from '../policy/change.ts';
import type { DesiredTable } from './desired.ts';

/** Brings the sets and chains of a policy change into the table. Bindings are the pods' and not its business. */
export function applyPolicyEffects(table: DesiredTable, effects: PolicyEffects): void {
  for (const [key, body] of effects.sets.upserts) table.set('addressSet', key, body);
  for (const [key, patch] of effects.sets.patches) table.patchSet(key, patch);
  for (const [key, body] of effects.chains.upserts) table.set('chain', key, body);
  for (const [key, nodes] of effects.setUsers) table.require('addressSet', key, nodes);
  for (const [key, nodes] of effects.chainUsers) table.require('chain', key, nodes);
  for (const key of effects.chains.removals) table.remove('chain', key);
  for (const key of effects.sets.removals) table.remove('addressSet', key);
}
