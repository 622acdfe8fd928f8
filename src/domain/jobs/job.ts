import { type Actor, nameOfActor, type TenantCall } from '../../kernel/call.ts';
import type { JobFileId, JobId } from '../../kernel/ids.ts';

export type JobState = 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled';

/** One thing that went wrong, and skipped nothing else. `line` counts from 1, where the work reads lines. */
export type JobProblem = { line: number | null; message: string };

/** A piece of long work that somebody waits for. */
export type Job = {
  id: JobId;
  kind: string;
  state: JobState;
  /** Who asked for it: `user:<id>`, `client:<id>`, `system:<name>`. */
  owner: string;
  done: number;
  /** Null until it is known. */
  total: number | null;
  /** The first `LIMITS.jobErrors` of them. */
  errors: readonly JobProblem[];
  errorCount: number;
  /** What came of it; nothing secret. */
  result: Readonly<Record<string, unknown>> | null;
  /** The code of the failure that ended it. */
  failure: string | null;
  /** Whether somebody asked for its end. */
  cancel: boolean;
  createdAt: Date;
  startedAt: Date | null;
  finishedAt: Date | null;
};

/** What a piece of work keeps of itself, in the transaction of what it did. */
export type Step = {
  /** Where it goes on after a crash; JSON. What is left out stays. */
  checkpoint?: unknown;
  /** How much is done, and of how much. */
  done?: number;
  total?: number;
  /** What went wrong in this step. */
  errors?: readonly JobProblem[];
};

/** A file that the work reads, or has written. */
export type JobFile = { id: JobFileId; type: string; name: string | null; bytes: number };

/** What a kind of work is given. It is run again where it left off, whenever and wherever its node dies. */
export type JobRun = {
  readonly id: JobId;
  /** The tenant, and whoever asked, with what they were allowed then. For reading; writing is done in `save`. */
  readonly call: TenantCall;
  /** What `create` was given. */
  readonly input: Readonly<Record<string, unknown>>;
  /** What `save` kept last; undefined at the beginning. */
  readonly checkpoint: unknown;
  /** Aborted when somebody cancels, when the node stops, and when another node has taken over. Throw its reason. */
  readonly signal: AbortSignal;
  /**
   * Does one step, in one transaction: what `work` writes and where the job stands are kept together, or not at all. A
   * node that has lost the job keeps nothing here. Seconds at most: the row of the job is held meanwhile.
   *
   * It is done with what whoever asked is allowed still.
   *
   * @throws JobStopped when the job is cancelled or lost; Failure `forbidden` when they may not have it done any more
   */
  save(work: (tx: TenantCall) => Promise<Step>): Promise<void>;
  /** Says how far it is without writing anything else; cheap, and may be called as often as one likes. */
  progress(done: number, total?: number): void;
  /** The file it was given, from a byte on. Memory stays flat. Throws where there is none. */
  read(from?: number): AsyncIterable<Buffer>;
  /**
   * Adds text to the file that the job leaves, in the transaction of a step: after a crash nothing stands there twice.
   * The first call says what the file is.
   */
  write(tx: TenantCall, text: string, file: { type: string; name: string }): Promise<void>;
};

/**
 * A kind of long work. `run` gives what came of it. A `Failure` ends the job with its code; any other error is a fault:
 * the job is taken up again at its checkpoint, `LIMITS.jobTries` times at most without having come further.
 */
export type JobKind = {
  /** Who asks must hold it until the work is done; whoever holds it may see and cancel jobs of this kind too. */
  permission?: string;
  run(run: JobRun): Promise<Readonly<Record<string, unknown>>>;
};

export type JobKinds = Readonly<Record<string, JobKind>>;

/** Why a run ended before its work did. */
export class JobStopped extends Error {
  readonly why: 'cancelled' | 'lost' | 'shutdown';

  constructor(why: JobStopped['why']) {
    super(`the job was stopped (${why})`);
    this.name = 'JobStopped';
    this.why = why;
  }
}

export const isFinished = ({ state }: Pick<Job, 'state'>): boolean => state !== 'queued' && state !== 'running';

/** Whose jobs an actor may see: their own, and those of kinds whose permission they hold; the house itself, all. */
export function visibleTo(actor: Actor, kinds: JobKinds): { owner: string; kinds: readonly string[] } | 'all' {
  if (actor.kind === 'system') return 'all';
  const held = actor.kind === 'anonymous' ? [] : actor.permissions;
  const seen = Object.entries(kinds).filter(
    ([, { permission }]) => permission !== undefined && held.includes(permission),
  );
  return { owner: nameOfActor(actor), kinds: seen.map(([kind]) => kind) };
}
