/** Milliseconds since the epoch with fractions, to compare what processes of one machine saw. */
export function wallMs(): number {
  return performance.timeOrigin + performance.now();
}
