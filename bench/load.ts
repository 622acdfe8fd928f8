import { type Connection, openConnection } from './http-connection.ts';
import { cpuMs } from './machine.ts';
import { quantile } from './numbers.ts';

/** One way of using a server. Each of the workers prepares its own state and then does the step again and again. */
export type Flow<State> = {
  name: string;
  /** Sign in, get a token: what is not measured. */
  prepare(connection: Connection, worker: number): Promise<State>;
  /** Throws when the answer is not the right one: an error that is quick must not look like speed. */
  step(connection: Connection, state: State): Promise<void>;
};

export type Measured = { perSecond: number; p50Ms: number; p99Ms: number; cpuMsEach: number; count: number };

/** Workers of a flow against one server, prepared and ready to be measured in rounds. */
export type Load = { run(seconds: number): Promise<Measured>; close(): void };

export async function prepareLoad<State>(
  server: { port: number; pid: number },
  flow: Flow<State>,
  concurrency: number,
): Promise<Load> {
  const workers: { connection: Connection; state: State }[] = [];
  for (let worker = 0; worker < concurrency; worker++) {
    const connection = await openConnection(server.port);
    workers.push({ connection, state: await flow.prepare(connection, worker) });
  }

  /** A server may close a connection that was idle between two rounds. */
  async function revive(): Promise<void> {
    for (const worker of workers) {
      worker.connection.close();
      worker.connection = await openConnection(server.port);
    }
  }

  return {
    async run(seconds) {
      await revive();
      const times: number[] = [];
      const began = performance.now();
      const until = began + seconds * 1000;
      const cpuBefore = cpuMs(server.pid);
      await Promise.all(
        workers.map(async ({ connection, state }) => {
          for (let start = performance.now(); start < until; ) {
            await flow.step(connection, state);
            const end = performance.now();
            times.push(end - start);
            start = end;
          }
        }),
      );
      const spent = cpuMs(server.pid) - cpuBefore;
      const count = times.length;
      return {
        perSecond: count / ((performance.now() - began) / 1000),
        p50Ms: quantile(times, 0.5),
        p99Ms: quantile(times, 0.99),
        cpuMsEach: spent / count,
        count,
      };
    },
    close() {
      for (const { connection } of workers) connection.close();
    },
  };
}
