import { AsyncLocalStorage } from 'node:async_hooks';
import { type Bindings, type DestinationStream, destination, type Logger, type LoggerOptions, pino } from 'pino';
import { type Actor, nameOfActor } from './call.ts';
import type { TenantId } from './ids.ts';
import { LIMITS } from './limits.ts';
import { errorMessage, redact, redactText } from './redact.ts';

/** pino's logger; what it prints has gone through `redact`. */
export type Log = Logger;

/** What every line of one request or job carries. */
export type LogFacts = { requestId: string; tenantId?: TenantId; actor?: string };

/** For log lines only: nothing of the domain may read it. */
const current = new AsyncLocalStorage<LogFacts>();

/** Runs `work` so that each line it logs, however deep, carries `facts`. */
export function withLogFacts<T>(facts: LogFacts, work: () => T): T {
  return current.run(facts, work);
}

/** Adds what became known later to the request's lines, from here on. Does nothing outside of `withLogFacts`. */
export function addLogFacts(facts: { tenantId?: TenantId; actor?: Actor }): void {
  const store = current.getStore();
  if (!store) return;
  if (facts.tenantId) store.tenantId = facts.tenantId;
  if (facts.actor) store.actor = nameOfActor(facts.actor);
}

/** The id of the request that is being answered, for answers that must name it. */
export function currentRequestId(): string | undefined {
  return current.getStore()?.requestId;
}

/**
 * The log: one JSON line an event, on standard output unless `to` is given. Writing never blocks and never ends the
 * process: lines that a slow or closed reader does not take are dropped.
 */
export function createLog({
  level,
  name,
  to = standardOutput(),
}: {
  level: string;
  name: string;
  to?: DestinationStream;
}): Log {
  const options: LoggerOptions = {
    level,
    name,
    base: { pid: process.pid },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    // `redact` has already made an error plain.
    serializers: { err: (plain: unknown) => plain },
    formatters: {
      level: (label) => ({ level: label }),
      log: (fields) => ({ ...(redact(fields ?? {}) as object), ...current.getStore() }),
      bindings: (fields) => redact(fields) as Record<string, unknown>,
    },
    hooks: {
      logMethod(values, method) {
        method.apply(this, safeArguments(values) as typeof values);
      },
    },
  };
  const log = pino(options, to);
  // pino gives the bindings of a child to no formatter.
  const { child } = log;
  log.child = function redactedChild(this: Logger, bindings: object, settings?: object) {
    return child.call(this, redact(bindings) as Bindings, settings);
  } as typeof child;
  return log;
}

/**
 * The texts of a call, which do not pass the formatters: the message, its `%s` values, and the message that pino would
 * take from an error by itself.
 */
function safeArguments([first, ...rest]: readonly unknown[]): unknown[] {
  const error = first instanceof Error ? first : (first as { err?: unknown } | null | undefined)?.err;
  const head = first instanceof Error ? { err: first } : typeof first === 'string' ? redactText(first) : first;
  const tail = rest.length === 0 && error instanceof Error ? [errorMessage(error)] : rest.map((value) => redact(value));
  return [head, ...tail];
}

function standardOutput(): DestinationStream {
  const stream = destination({ dest: 1, sync: false, maxLength: LIMITS.logBufferBytes });
  // A full disk or a closed pipe costs lines, not the service.
  stream.on('error', () => {});
  return stream;
}
