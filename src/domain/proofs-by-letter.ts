import type { Knex } from 'knex';
import { createInviteService, type InviteDeps } from './invites/invite-service.ts';
import { createEmailChangeService, type EmailChangeDeps } from './recovery/email-change-service.ts';
import { createEmailTokenService } from './recovery/email-token-service.ts';
import { createRecoveryService, type RecoveryDeps } from './recovery/recovery-service.ts';
import { createRecoveryThrottle } from './recovery/recovery-throttle.ts';
import { createVerificationService, type VerificationDeps } from './recovery/verification-service.ts';
import { type CaptchaDeps, createCaptchaService } from './registration/captcha-service.ts';
import { createEnrolment, type EnrolmentDeps } from './registration/enrolment.ts';
import { createRegistrationService, type RegistrationDeps } from './registration/registration-service.ts';

/** What these rooms have from one another. */
type Own = 'tokens' | 'throttle' | 'verification' | 'captcha' | 'enrolment';

type Needs = Omit<
  RecoveryDeps & VerificationDeps & EmailChangeDeps & CaptchaDeps & EnrolmentDeps & RegistrationDeps & InviteDeps,
  Own
> & {
  /** A small pool for counters. */
  counters: Knex;
};

/** What is proven by letter: a forgotten password, an address, another address, who wants an account, and who is invited. */
export function createProofsByLetter({ counters, ...rooms }: Needs) {
  const tokens = createEmailTokenService(rooms);
  const own = { tokens, throttle: createRecoveryThrottle({ counters }) };
  const verification = createVerificationService({ ...rooms, ...own });
  const captcha = createCaptchaService(rooms);
  const enrolment = createEnrolment({ ...rooms, ...own, verification });
  return {
    emailTokens: tokens,
    recovery: createRecoveryService({ ...rooms, ...own }),
    verification,
    emailChange: createEmailChangeService({ ...rooms, ...own }),
    captcha,
    enrolment,
    invites: createInviteService({ ...rooms, ...own }),
    registration: createRegistrationService({ ...rooms, ...own, captcha, enrolment }),
  };
}
