import { mkdir, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { renderTable } from '../lab/setup/progress.ts';
import type { Benchmark, Report, Row } from './benchmark.ts';
import type { Estimate } from './statistics.ts';

const FOLDER = path.join(import.meta.dirname, 'results');
const HEADING = ['what', 'measured', 'baseline', 'ratio', 'noise', 'goal', 'met'];

/** `median (low–high)`, three significant digits. */
export function showEstimate({ median, low, high }: Estimate, unit = ''): string {
  const digits = (value: number) => Number(value.toPrecision(3)).toLocaleString('en', { maximumFractionDigits: 6 });
  return `${digits(median)}${unit} (${digits(low)}–${digits(high)})`;
}

export function showReport(report: Report): string {
  return [renderTable(HEADING, report.rows.map(cells)), ...report.notes].join('\n\n');
}

/** Writes `bench/results/NAME.md` for people and `NAME.json` for programs. */
export async function saveReport(benchmark: Benchmark, report: Report, at: Date): Promise<void> {
  const machine = describeMachine();
  const text = [
    `# ${benchmark.name}`,
    `${benchmark.about}. \`npm run bench -- ${benchmark.name} --save\` on ${at.toISOString().slice(0, 10)}.`,
    `Machine: ${machine}.`,
    markdownTable([HEADING, ...report.rows.map(cells)]),
    'Figures are medians with their 95 % interval; ratio is pair by pair; noise is the baseline against itself in the same run.',
    ...report.notes,
  ];
  await mkdir(FOLDER, { recursive: true });
  await writeFile(path.join(FOLDER, `${benchmark.name}.md`), `${text.join('\n\n')}\n`);
  const all = { benchmark: benchmark.name, date: at.toISOString(), machine, ...report };
  await writeFile(path.join(FOLDER, `${benchmark.name}.json`), `${JSON.stringify(all)}\n`);
}

function describeMachine(): string {
  const cpus = os.cpus();
  const memory = Math.round(os.totalmem() / 2 ** 30);
  return `${cpus.length} × ${cpus[0]?.model.trim() ?? 'unknown CPU'}, ${memory} GiB, Linux ${os.release()}, Node ${process.version}`;
}

function cells(row: Row): string[] {
  const met = row.isMet === undefined ? '' : row.isMet ? 'yes' : 'NO';
  return [row.what, row.measured, row.baseline, row.ratio, row.noise, row.goal, met];
}

function markdownTable([heading = [], ...rows]: readonly string[][]): string {
  const line = (row: readonly string[]) => `| ${row.join(' | ')} |`;
  return [line(heading), line(heading.map(() => '---')), ...rows.map(line)].join('\n');
}
