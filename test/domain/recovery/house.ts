import { eventFace } from '../../../src/api/v1/event-body.ts';
import type { Letter } from '../../../src/domain/mail/letter.ts';
import type { HashRun } from '../../../src/domain/passwords/hash.ts';
import type { PostForm } from '../../../src/domain/registration/captcha-service.ts';
import { createServices } from '../../../src/domain/services.ts';
import type { SettingsChange } from '../../../src/domain/tenants/settings.ts';
import { createTenantDirectory } from '../../../src/domain/tenants/tenant-directory.ts';
import { inTransaction, type OperatorCall, type TenantCall } from '../../../src/kernel/call.ts';
import { Failure } from '../../../src/kernel/failure.ts';
import { newId, type TenantId, type UserId } from '../../../src/kernel/ids.ts';
import { counters, pool } from '../../support/database.ts';
import { aSlug, MASTER_KEY } from '../../support/rooms.ts';
import { anAddress, fromAddress } from '../sign-in/house.ts';

export { anAddress, fromAddress } from '../sign-in/house.ts';

export const NOON = new Date('2026-06-01T12:00:00Z');
export const PASSWORD = 'correct horse battery staple';
/** What only this browser has. */
export const HOLDER = 'what only this browser has';
export const NEXT = 'seven quiet rivers at dawn';

const NOBODY = () => Promise.reject(new Error('nobody is asked'));
const masterKeys = [MASTER_KEY];

/** Every room, joined as a node joins them, with cheap hashes. `runs` tells which hashes were computed. */
export function aHouse({ postForm = NOBODY as PostForm } = {}) {
  const runs: HashRun[] = [];
  let platform: Promise<TenantId> | undefined;
  const services = createServices({
    ...{ resolveTexts: async () => undefined, publicHost: 'id.test' },
    config: { masterKeys, ARGON2_MEMORY_KIB: 8_192, ARGON2_PASSES: 1, PASSWORD_PEPPERS_PREVIOUS: [] },
    counters: counters(),
    fetchText: () => Promise.reject(new Error('nobody is asked')),
    postForm,
    directory: () => directory,
    onHash: (run) => runs.push(run),
    onSignIn: () => {},
    validateMetadata: async () => {},
    eventFace,
    assertUrl: () => {},
    sendToReceiver: NOBODY,
    onJobFault: () => {},
    platformTenant: async () => {
      platform ??= aTenant().then(({ tenantId }) => tenantId);
      return platform;
    },
  });

  const directory = createTenantDirectory(services);

  async function aTenant(settings?: SettingsChange): Promise<TenantCall> {
    const call = { ...stranger(), actor: { kind: 'system', name: 'test' } } as const;
    const { id } = await services.tenants.create(call, { slug: aSlug(), name: 'Acme' });
    if (settings) await services.tenants.updateSettings({ ...call, tenantId: id }, settings);
    return { ...stranger(), tenantId: id };
  }

  /** A user with a password. */
  async function aUser(call: TenantCall, { email = `ann-${newId()}@example.com`, password = PASSWORD } = {}) {
    const actor = { kind: 'system', name: 'test' } as const;
    const user = await services.users.create({ ...call, actor }, { email, password, firstName: 'Ann' });
    return { id: user.id, email };
  }

  /** The letters that a tenant has put down, the oldest first, after the wishes of its outbox were carried out. */
  async function lettersOf(call: TenantCall): Promise<Letter[]> {
    for (const { kind, id, payload, createdAt, deliveredAt } of await outboxOf(call)) {
      // News of sign-ins lie here too, which no letter of this room waits for.
      if (!(kind === 'recovery' || kind === 'registration') || deliveredAt !== null) continue;
      const room = services[kind];
      await room.carryOut(call, { id, payload, createdAt });
      await inTransaction(call, ({ db, tenantId }) =>
        db('outbox').where({ tenant_id: tenantId, id }).update({ delivered_at: call.now }),
      );
    }
    const rows = (await outboxOf(call)).filter(({ kind }) => kind === 'mail');
    return Promise.all(rows.map((row) => services.letters.open(call, row)));
  }

  /** The latest letter for a new password, and its proofs. */
  async function letter(call: TenantCall) {
    const found = (await lettersOf(call)).filter(({ template }) => template === 'password-reset').at(-1);
    if (found?.template !== 'password-reset') throw new Error('there is no letter');
    const { link, code } = found.values;
    return { token: link.query!['token']!, code: code!, found };
  }

  /** A person who has asked for a new password, and the letter that they got. */
  async function asked() {
    const call = await aTenant();
    const ann = await aUser(call);
    await services.recovery.request(call, { identifier: ann.email, holder: HOLDER });
    return { call, ann, ...(await letter(call)) };
  }

  return { ...services, runs, aTenant, aUser, lettersOf, letter, asked, forgetTenants: () => directory.forget() };
}

export type House = ReturnType<typeof aHouse>;

type OutboxRow = {
  id: string;
  kind: string;
  payload: Record<string, unknown>;
  createdAt: Date;
  deliveredAt: Date | null;
};

export async function outboxOf(call: TenantCall): Promise<OutboxRow[]> {
  return inTransaction(call, ({ db, tenantId }) =>
    db('outbox')
      .where({ tenant_id: tenantId })
      .orderBy('id')
      .select('id', 'kind', 'payload', 'created_at as createdAt', 'delivered_at as deliveredAt'),
  );
}

/** A call of nobody, from an address that no other test uses. */
export const stranger = (): OperatorCall =>
  fromAddress({ db: pool(), actor: { kind: 'anonymous' }, now: NOON }, anAddress());

/** The same call so many seconds later. */
export const later = <C extends OperatorCall>(call: C, seconds: number): C => ({
  ...call,
  now: new Date(call.now.getTime() + seconds * 1000),
});

/** The code of a refusal, or `ok`. */
export async function endOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'ok';
  } catch (error) {
    if (error instanceof Failure) return error.code;
    throw error;
  }
}

/** What the audit trail says. */
export async function auditOf(call: TenantCall): Promise<string[]> {
  return inTransaction(call, ({ db, tenantId }) =>
    db('audit_events').where({ tenant_id: tenantId }).orderBy('id').pluck('action'),
  );
}

export async function beginSession(call: TenantCall, userId: UserId, uid: string): Promise<void> {
  await inTransaction(call, ({ db, tenantId }) =>
    db('oidc_session').insert({
      ...{ tenant_id: tenantId, uid, id_hash: Buffer.from(uid), account_id: userId, ip: '', user_agent: '' },
      payload: JSON.stringify({ loginTs: call.now.getTime() / 1000 }),
      expires_at: new Date('2100-01-01'),
    }),
  );
}
