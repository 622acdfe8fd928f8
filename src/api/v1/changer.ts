import type { Changer } from '../../domain/factors/admission.ts';
import type { UserCall } from '../operation.ts';

/** What every change of factors asks for. */
export const RECENT =
  'Asks for a login no older than ten minutes, with the second factor where there was one; else 401 `IDENT_REAUTHENTICATION_REQUIRED`.';

/** In whose name factors are changed. */
export const changerOf = ({ actor }: UserCall): Changer => ({ userId: actor.userId, sessionUid: actor.sessionUid });
