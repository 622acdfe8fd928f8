import type { Knex } from 'knex';
import { type ChallengeDeps, createChallengeService } from './challenge-service.ts';
import { createCodeThrottle } from './code-throttle.ts';
import { createFactorReset, type FactorResetDeps } from './factor-reset.ts';
import { createFactorService, type FactorServiceDeps } from './factor-service.ts';
import { createPasskeyService } from './passkey-service.ts';
import { createSendThrottle } from './send-throttle.ts';
import { createSentCodeService, type SentCodeDeps } from './sent-code-service.ts';
import { createSentFactorService, type SentFactorDeps } from './sent-factor-service.ts';

export type FactorRoomsDeps = FactorServiceDeps &
  SentCodeDeps &
  FactorResetDeps &
  Pick<SentFactorDeps, 'access' | 'users' | 'audit'> &
  Pick<ChallengeDeps, 'notices'> & {
    /** A small pool that is not the requests' own. */
    counters: Knex;
  };

/** Second factors, the codes that are sent, and the open questions of sign-ins, in the order in which they need each other. */
export function createFactorRooms({ counters, ...deps }: FactorRoomsDeps) {
  const throttle = createCodeThrottle({ counters });
  const factors = createFactorService(deps);
  const passkeys = createPasskeyService({ ...deps, factors });
  const codes = createSentCodeService(deps);
  const sendThrottle = createSendThrottle({ counters });
  const sentFactors = createSentFactorService({ ...deps, factors, codes, throttle, sendThrottle });
  const challenges = createChallengeService({ ...deps, factors, passkeys, sentFactors, throttle });
  return { factors: { ...factors, ...createFactorReset(deps) }, passkeys, sentFactors, challenges };
}
