import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';

/** The core that the measured server has to itself, and the one that the load generator and PostgreSQL share. */
export const SERVER_CORE = 0;
export const LOAD_CORE = 1;

/** What a figure is worth nothing without. */
export function describeMachine(): { cpu: string; cores: number; memoryGib: number; node: string; load: number[] } {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    load: loadavg().map((value) => Math.round(value * 100) / 100),
  };
}

/** Whether processes can be bound to cores here (Linux with `taskset`, and two cores at least). */
export function canPin(): boolean {
  try {
    execFileSync('taskset', ['--version'], { stdio: 'ignore' });
    return cpus().length > LOAD_CORE;
  } catch {
    return false;
  }
}

/** Moves this process, its threads and all its children to come (PostgreSQL among them) off the server's core. */
export function pinSelf(): void {
  if (canPin())
    execFileSync('taskset', ['-a', '-p', '-c', String(LOAD_CORE), String(process.pid)], { stdio: 'ignore' });
}

const TICK_MS = 10;

/** Milliseconds of CPU that a process has used, all its threads together; the kernel counts in ticks of 10 ms. */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name in parentheses may hold spaces: fields are counted behind it (proc_pid_stat(5): utime is 14, stime 15).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** Resident memory of a process, in MB of 10^6 bytes. */
export function rssMb(pid: number): number {
  const kib = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return (Number(kib) * 1024) / 1e6;
}
