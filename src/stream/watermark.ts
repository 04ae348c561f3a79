import type { Watermark } from '../model/node/desired-update.ts';

/**
 * Raised by a person after etcd was restored from a backup: resourceVersions then begin again further back, and a
 * higher epoch says that this is meant.
 */
const EPOCH = 'epoch';

/**
 * Whether state computed from `candidate` may be older than what was computed from `held`. resourceVersions of one
 * kind are decimal numbers and comparable (Kubernetes 1.35, KEP-5504). A kind that only one side knows says nothing, as
 * operators of another version watch other kinds; but one kind at least must be known to both, and a kind that the
 * candidate names without a number has not been read yet.
 */
export function isBehind(candidate: Watermark, held: Watermark): boolean {
  const epochs = epochOf(candidate) - epochOf(held);
  if (epochs !== 0n) return epochs < 0n;
  const kinds = Object.keys(held).filter((kind) => kind !== EPOCH && parseVersion(held[kind]) !== undefined);
  const common = kinds.filter((kind) => candidate[kind] !== undefined);
  if (kinds.length > 0 && common.length === 0) return true;
  return common.some((kind) => (parseVersion(candidate[kind]) ?? -1n) < (parseVersion(held[kind]) ?? 0n));
}

/** What is held after state with `next` in it, which is not behind, was taken over `held`: of each kind the newer. */
export function advanceWatermark(held: Watermark, next: Watermark): Watermark {
  if (epochOf(next) !== epochOf(held)) return { ...next };
  const newer = Object.entries(next).filter(
    ([kind, version]) => (parseVersion(version) ?? -1n) >= (parseVersion(held[kind]) ?? -1n),
  );
  return { ...held, ...Object.fromEntries(newer) };
}

function epochOf(watermark: Watermark): bigint {
  return parseVersion(watermark[EPOCH]) ?? 0n;
}

function parseVersion(text: string | undefined): bigint | undefined {
  return text !== undefined && /^\d+$/.test(text) ? BigInt(text) : undefined;
}
