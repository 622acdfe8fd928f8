#!/usr/bin/env node
import { text } from 'node:stream/consumers';
import { EXIT } from './command.ts';
import { contractsToRead, migrateForCommand, openForCommand } from './open.ts';
import { run } from './run.ts';

const code = await run(process.argv.slice(2), {
  out: (line) => void process.stdout.write(`${line}\n`),
  err: (line) => void process.stderr.write(`${line}\n`),
  live: process.stderr.isTTY ? (line) => void process.stderr.write(`\r\u001b[2K${line}`) : undefined,
  readInput: () => text(process.stdin),
  open: openForCommand,
  migrate: migrateForCommand,
  contracts: contractsToRead,
}).catch((error: unknown) => {
  process.stderr.write(`${(error as Error).stack ?? String(error)}\n`);
  return EXIT.software;
});
process.exitCode = code;
