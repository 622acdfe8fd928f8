import { inTransaction, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import type { UserId } from '../../kernel/ids.ts';
import { sha256 } from '../../kernel/secret.ts';
import { stableJson } from '../../kernel/text.ts';
import type { AuditService } from '../audit/audit-service.ts';
import { type Duties, type DutyRules, NO_DUTIES, termsDemanded } from './duty.ts';
import * as store from './duty-store.ts';

/** What a tenant may demand before a person comes in: a proven e-mail address, and its terms of use. */
export function createDutyService({ audit }: { audit: Pick<AuditService, 'record'> }) {
  return {
    /** What a person still owes. No statement where the tenant demands nothing, else one, inside a transaction or not. */
    async of(call: TenantCall, userId: UserId, rules: DutyRules): Promise<Duties> {
      const terms = termsDemanded(rules, call.now);
      if (!terms && !rules.signIn.requireVerifiedEmail) return NO_DUTIES;
      const found = await store.findStanding(call, userId, terms?.version ?? null);
      if (!found) return NO_DUTIES;
      const { email, emailVerified, accepted } = found;
      return {
        verifyEmail: rules.signIn.requireVerifiedEmail && !emailVerified ? email : undefined,
        acceptTerms: accepted ? undefined : terms,
      };
    },

    /**
     * Keeps that a person has accepted the terms that are in force, in the caller's transaction: the version, the language
     * in which they read it, and a hash of what stood there. To accept twice is to accept once.
     *
     * @throws Failure `conflict` for a version that is not in force, or a language that it is not in
     */
    async acceptTerms(
      tx: TenantCall,
      userId: UserId,
      rules: DutyRules,
      { version, language }: { version: string; language: string },
    ): Promise<void> {
      const terms = termsDemanded(rules, tx.now);
      const document = terms && Object.hasOwn(terms.documents, language) ? terms.documents[language] : undefined;
      if (terms?.version !== version || !document) throw new Failure('conflict', { version });
      const ip = tx.origin?.ip ?? null;
      const acceptance = { version, language, document: sha256(stableJson(document)), ip };
      if (await store.addAcceptance(tx, userId, acceptance))
        await audit.record(tx, 'terms.accepted', { target: `user:${userId}`, details: { version, language } });
    },

    /** The terms that a person has accepted, the latest first. */
    listAcceptances: (call: TenantCall, userId: UserId) =>
      inTransaction(call, (tx) => store.listAcceptances(tx, userId)),
  };
}

export type DutyService = ReturnType<typeof createDutyService>;
