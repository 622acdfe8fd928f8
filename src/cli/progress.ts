import { setTimeout as wait } from 'node:timers/promises';
import { isFinished, type Job } from '../domain/jobs/job.ts';
import type { TenantCall } from '../kernel/call.ts';
import type { JobId } from '../kernel/ids.ts';
import { type CliHouse, EXIT, type Terminal } from './command.ts';

const POLL_MS = 500;
const CELLS = 24;
/** Where nobody looks on, a line for each tenth. */
const TENTHS = 10;

const number = (count: number) => count.toLocaleString('en-US');
const problems = ({ errorCount }: Job) =>
  errorCount === 0 ? '' : `  ${number(errorCount)} problem${errorCount === 1 ? '' : 's'}`;

/** How much is done, 0 to 1; undefined where nobody knows of how much. */
function shareOf({ done, total }: Job): number | undefined {
  return total === null ? undefined : total === 0 ? 1 : Math.min(done / total, 1);
}

/** `[████████░░░░░░░░░░░░░░░░]  33 %  4,000 of 12,000  3 problems  2 min left` */
export function progressBar(job: Job, now: Date): string {
  const share = shareOf(job);
  if (job.state === 'queued') return 'waiting for a server';
  if (share === undefined) return `${number(job.done)} done${problems(job)}`;
  const filled = Math.round(share * CELLS);
  const bar = `[${'█'.repeat(filled)}${'░'.repeat(CELLS - filled)}]`;
  const percent = `${String(Math.floor(share * 100)).padStart(3)} %`;
  return `${bar} ${percent}  ${number(job.done)} of ${number(job.total!)}${problems(job)}${timeLeft(job, share, now)}`;
}

function timeLeft({ startedAt }: Job, share: number, now: Date): string {
  if (!startedAt || share < 0.01 || share === 1) return '';
  const seconds = ((now.getTime() - startedAt.getTime()) / 1000) * (1 / share - 1);
  if (seconds < 90) return `  ${Math.ceil(seconds)} s left`;
  return seconds < 5_400 ? `  ${Math.ceil(seconds / 60)} min left` : `  ${Math.ceil(seconds / 3_600)} h left`;
}

/**
 * Shows how a job comes on until it has ended: a bar that moves where somebody looks on, and a line for each tenth where
 * the output is kept. Says what came of it.
 *
 * @param work do the job in this process too, for a house whose servers do not run; only this job
 * @returns the exit code
 */
export async function followJob(
  terminal: Terminal,
  { services, operator }: Pick<CliHouse, 'services' | 'operator'>,
  call: TenantCall,
  id: JobId,
  { work = false } = {},
): Promise<number> {
  const { jobs } = services;
  const { signal } = new AbortController();
  const show = terminal.live ? undefined : lines(terminal);
  let working: Promise<void> | undefined;
  for (;;) {
    const job = await jobs.get(call, id);
    if (isFinished(job)) {
      terminal.live?.('');
      await working;
      return tellEnd(terminal, job);
    }
    terminal.live?.(progressBar(job, new Date()));
    show?.(job);
    if (work && !working) {
      const taken = await jobs.take(operator('jobs'), signal, { only: id });
      working = taken?.().finally(() => {
        working = undefined;
      });
    }
    await Promise.race([wait(POLL_MS), ...(working ? [working] : [])]);
  }
}

/** Writes a line when there is something new to say. */
function lines(terminal: Terminal): (job: Job) => void {
  let said = '';
  return (job) => {
    const share = shareOf(job);
    const now = `${job.state} ${share === undefined ? '' : Math.floor(share * TENTHS)}`;
    if (now === said) return;
    said = now;
    const much =
      share === undefined ? `${number(job.done)} done` : `${Math.floor(share * 100)} % of ${number(job.total!)}`;
    terminal.err(job.state === 'queued' ? 'waiting for a server' : `${much}${problems(job)}`);
  };
}

function tellEnd(terminal: Terminal, job: Job): number {
  for (const { line, message } of job.errors) terminal.err(line === null ? message : `line ${line}: ${message}`);
  const more = job.errorCount - job.errors.length;
  if (more > 0) terminal.err(`… and ${number(more)} more`);
  const why = job.failure === null ? '' : ` (${job.failure})`;
  const result = Object.entries(job.result ?? {}).map(([name, value]) => `, ${name}: ${String(value)}`);
  terminal.out(`${job.state}${why}: ${number(job.done)} done${problems(job)}${result.join('')}`);
  return job.state === 'succeeded' ? EXIT.done : EXIT.refused;
}
