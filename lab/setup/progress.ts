/** One line a step on standard error: what, how long it should take when that is long, how long it took. */
export async function step<T>(what: string, work: () => Promise<T>, estimate?: string): Promise<T> {
  const started = performance.now();
  const seconds = () => `${((performance.now() - started) / 1000).toFixed(1)} s`;
  process.stderr.write(`» ${what}${estimate === undefined ? '' : ` (${estimate})`}\n`);
  const ticker = setInterval(() => process.stderr.write(`  … still at it: ${what}, ${seconds()}\n`), 30_000);
  try {
    const value = await work();
    process.stderr.write(`  ✓ ${what}, ${seconds()}\n`);
    return value;
  } catch (error) {
    process.stderr.write(`  ✗ ${what}, after ${seconds()}\n`);
    throw error;
  } finally {
    clearInterval(ticker);
  }
}

/** Rows as aligned text with a heading, for people. */
export function renderTable(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [heading, ...rows];
  const widths = heading.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]) =>
    widths
      .map((width, i) => (row[i] ?? '').padEnd(width))
      .join('  ')
      .trimEnd();
  return [line(heading), widths.map((width) => '─'.repeat(width)).join('  '), ...rows.map(line)].join('\n');
}
