import { Worker } from 'node:worker_threads';

const IDLE_MS = 60_000;

/**
 * A thread for hashes that are computed in JavaScript, so that an import of old passwords does not stop the event loop.
 * It starts with the first question and ends a minute after the last: most nodes never need it.
 */
export function createSlowWorker() {
  let worker: Worker | undefined;
  let idle: NodeJS.Timeout | undefined;

  function start(): Worker {
    const started = new Worker(new URL('./worker.ts', import.meta.url));
    const forget = () => {
      if (worker === started) worker = undefined;
    };
    return started.once('exit', forget).on('error', forget);
  }

  return {
    /** One question at a time: the caller's queue sees to it. Throws when the thread dies under it. */
    async verify(hash: string, password: string): Promise<boolean> {
      clearTimeout(idle);
      worker ??= start();
      const busy = worker;
      busy.ref();
      try {
        return await ask(busy, { hash, password });
      } finally {
        busy.unref();
        idle = setTimeout(() => void busy.terminate(), IDLE_MS).unref();
      }
    },
  };
}

async function ask(worker: Worker, question: { hash: string; password: string }): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  const gone = () => reject(new Error('the thread that verifies foreign hashes has ended'));
  worker.once('message', resolve).once('error', reject).once('exit', gone);
  worker.postMessage(question);
  try {
    return await promise;
  } finally {
    worker.off('message', resolve).off('error', reject).off('exit', gone);
  }
}
