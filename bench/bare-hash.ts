import { hash, verify } from '@node-rs/argon2';
import { USER } from './site.ts';

/** What one password check costs when nothing is around it: prints milliseconds of CPU. */
const stored = await hash(USER.password, {
  algorithm: 2,
  memoryCost: 19_456,
  timeCost: 2,
  parallelism: 1,
});
const CHECKS = 200;
for (let warm = 0; warm < 20; warm++) await verify(stored, USER.password);
const before = process.cpuUsage();
for (let check = 0; check < CHECKS; check++) await verify(stored, USER.password);
const { user, system } = process.cpuUsage(before);
process.stdout.write(String((user + system) / 1000 / CHECKS));
