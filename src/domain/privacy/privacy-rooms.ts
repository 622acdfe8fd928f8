import { type ConsentDeps, createConsentService } from './consent-service.ts';
import { createErasureService, type ErasureDeps } from './erasure-service.ts';
import { createPersonalData, type PersonalDataDeps } from './personal-data.ts';

type Needs = ConsentDeps & ErasureDeps & Omit<PersonalDataDeps, 'consents'>;

/** What people may ask of a house that has their data: to choose, to take a copy, and to be forgotten. */
export function createPrivacyRooms(needs: Needs) {
  const consents = createConsentService(needs);
  return {
    consents,
    erasure: createErasureService(needs),
    personalData: createPersonalData({ ...needs, consents }),
  };
}
