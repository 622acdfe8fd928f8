import bcrypt from 'bcryptjs';

const BCRYPT = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;

/** Whether it is bcrypt of cost 4 to 15 (one step doubles the time; 12 takes a third of a second). */
export function isBcrypt(hash: string): boolean {
  const cost = Number(BCRYPT.exec(hash)?.[1]);
  return cost >= 4 && cost <= 15;
}

/**
 * Verifies bcrypt. It never looked further than 72 bytes, so a longer password opens it by its first 72; the hash that
 * takes its place at that login covers all of it. Takes the thread for as long as it runs.
 */
export function verifyBcrypt(hash: string, password: string): boolean {
  return bcrypt.compareSync(password, hash);
}
