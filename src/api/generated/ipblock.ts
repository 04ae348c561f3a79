/** Made from crds/ by `npm run generate`; do not edit. */
import type { ObjectMeta } from '../meta.ts';

/**
 * A part of an IPPool that one node owns. Made by the operator: to create it is to claim it, and of two that claim the same range the API server refuses one, as the name follows from the range.
 */
export interface IPBlock {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
  readonly spec: IPBlockSpec;
}
/**
 * Which range, of which pool, and whose. It cannot be changed, but that a node lends what it was cut from.
 */
export interface IPBlockSpec {
  /**
   * The range, a prefix without host bits, for example 10.244.0.0/26.
   */
  readonly cidr: string;
  /**
   * Name of the IPPool that the range is part of.
   */
  readonly poolName: string;
  /**
   * UID of that IPPool: one of the same name made later is another.
   */
  readonly poolUid: string;
  /**
   * Name of the Node that owns the block.
   */
  readonly nodeName: string;
  /**
   * UID of that Node: one of the same name made later is another.
   */
  readonly nodeUid: string;
  /**
   * Name of the Node out of whose block the range is borrowed; absent: a block of its own. While it is nodeName too, the lender has not agreed yet.
   */
  readonly lender?: string;
}
