/** Rows as aligned columns under a heading, each line without trailing space. */
export function renderTable(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [heading, ...rows];
  const widths = heading.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  return all
    .map((row) =>
      widths
        .map((width, i) => (row[i] ?? '').padEnd(width))
        .join('   ')
        .trimEnd(),
    )
    .join('\n');
}
