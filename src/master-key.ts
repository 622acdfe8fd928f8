import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, linkSync, mkdirSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from './config.ts';

/**
 * The master keys, the present one first. From the settings; in development a key that is made once and kept in
 * DATA_DIR/master.key, readable by its owner alone.
 */
export function masterKeys(config: Config): Buffer[] {
  const present = config.GATEHOUSE_MASTER_KEY ?? ownKey(config.DATA_DIR);
  return [present, ...config.GATEHOUSE_MASTER_KEYS_PREVIOUS].map((key) => Buffer.from(key, 'base64url'));
}

function ownKey(folder: string): string {
  const file = join(folder, 'master.key');
  if (!existsSync(file)) make(folder, file);
  if ((statSync(file).mode & 0o077) !== 0) chmodSync(file, 0o600);
  const key = readFileSync(file, 'utf8').trim();
  if (Buffer.from(key, 'base64url').length !== 32)
    throw new Error(`${file} does not hold a key of 32 bytes; what it sealed cannot be opened without it`);
  return key;
}

/** Two nodes that start at once make one key: a hard link is made by exactly one of them, and never half written. */
function make(folder: string, file: string): void {
  mkdirSync(folder, { recursive: true });
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600, flush: true });
  try {
    linkSync(draft, file);
  } catch (error) {
    if ((error as { code?: string }).code !== 'EEXIST') throw error;
  } finally {
    unlinkSync(draft);
  }
}
