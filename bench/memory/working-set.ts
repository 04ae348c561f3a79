import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { quantile } from '../statistics.ts';

/** Memory over a while, in MB of 10^6 bytes, one sample a second. */
export interface MemorySamples {
  readonly medianMB: number;
  readonly maxMB: number;
  readonly samplesMB: readonly number[];
}

/** VmRSS less RssFile: what the kernel cannot drop of a process, without the pages of files it has mapped. */
export function processMB(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kilobytes = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]);
  return ((kilobytes('VmRSS') - kilobytes('RssFile')) * 1024) / 1e6;
}

/**
 * What the process's memory cgroup is charged with, less all of its file cache, active or not. Sockets' buffers and
 * other kernel memory of the container are in it. Reads version 1 of cgroups or version 2, whichever has `memory`.
 */
export function cgroupMB(pid: number): number {
  const { folder, usage, prefix } = memoryCgroup(readFileSync(`/proc/${pid}/cgroup`, 'utf8'));
  const stat = readFileSync(`${folder}/memory.stat`, 'utf8');
  const bytes = (field: string) => Number(new RegExp(`^${prefix}${field} (\\d+)$`, 'm').exec(stat)?.[1]);
  const charged = Number(readFileSync(`${folder}/${usage}`, 'utf8'));
  return (charged - bytes('inactive_file') - bytes('active_file')) / 1e6;
}

/** Reads once a second, `seconds` times. */
export async function sampleMemory(read: () => number, seconds: number): Promise<MemorySamples> {
  const samplesMB: number[] = [];
  for (let second = 0; second < seconds; second += 1) {
    await sleep(1000);
    samplesMB.push(read());
  }
  return { medianMB: quantile(samplesMB, 0.5), maxMB: Math.max(...samplesMB), samplesMB };
}

function memoryCgroup(text: string) {
  const lines = text.trim().split('\n');
  const byController = lines.find((line) => line.split(':')[1]?.split(',').includes('memory'));
  if (byController !== undefined) {
    const folder = `/sys/fs/cgroup/memory${byController.split(':')[2] ?? ''}`;
    return { folder, usage: 'memory.usage_in_bytes', prefix: 'total_' };
  }
  return { folder: `/sys/fs/cgroup${lines[0]?.split(':')[2] ?? ''}`, usage: 'memory.current', prefix: '' };
}
