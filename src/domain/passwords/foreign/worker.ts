import { parentPort } from 'node:worker_threads';
import { verifySlowHash } from './slow-hashes.ts';

/** The other end of `verifyInWorker`: one question at a time, in the order in which they come. */
parentPort?.on('message', ({ hash, password }: { hash: string; password: string }) => {
  parentPort?.postMessage(verifySlowHash(hash, password));
});
