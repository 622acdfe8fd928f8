import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { inTransaction, type TenantCall } from '../../../src/kernel/call.ts';
import { Failure } from '../../../src/kernel/failure.ts';
import type { UserId } from '../../../src/kernel/ids.ts';
import {
  aHouse,
  aTenant,
  aUser,
  auditOf,
  endOf,
  fromAddress,
  PASSWORD,
  passSeconds,
  storedHashOf,
} from '../sign-in/house.ts';

/** The code of a refusal with its reasons, or `done`. */
async function endOfSetting(setting: Promise<unknown>): Promise<string> {
  try {
    await setting;
    return 'done';
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return [error.code, ...((error.details['reasons'] as string[] | undefined) ?? [])].join(' ');
  }
}

describe('passwords.set', () => {
  it('sets a password by the tenant’s policy, with all reasons against one', async () => {
    const { passwords, signIn } = aHouse();
    const tenant = await aTenant({
      name: 'Acme Clinic',
      settings: { password: { minLength: 12, requireDigit: true } },
    });
    const ann = await aUser(tenant, { email: 'ann.miller@example.com' });
    const set = (password: string) => endOfSetting(passwords.set(tenant, ann.id, password));

    expect(await set('kxqjwvzpnb')).to.equal('password_policy too_short needs_digit');
    expect(await set('password1')).to.equal('password_policy too_short common');
    expect(await set('acmeclinic-2026')).to.equal('password_policy context');
    expect(await set('ann.miller-2026')).to.equal('password_policy context');
    expect(await set('gatehouse-2026')).to.equal('password_policy context');
    expect(await set('\ud800 is not a letter 1')).to.equal('invalid_input');
    expect(await set('four score and 7')).to.equal('done');
    expect(await endOf(signIn.withPassword(tenant, { identifier: ann.email, password: 'four score and 7' }))).to.equal(
      'signed-in',
    );
  });

  it('is part of the caller’s transaction', async () => {
    const { passwords } = aHouse();
    const tenant = await aTenant();
    const ann = await aUser(tenant);
    await passwords.set(tenant, ann.id, PASSWORD);
    const before = await storedHashOf(tenant, ann.id);
    await inTransaction(tenant, async (tx) => {
      await passwords.set(tx, ann.id, 'another horse');
      throw new Error('rolled back');
    }).catch(() => {});
    expect(await storedHashOf(tenant, ann.id)).to.equal(before);
  });

  it('takes a password that was prepared before, for the user it was prepared for', async () => {
    const { passwords, runs } = aHouse();
    const tenant = await aTenant();
    const [ann, bob] = [await aUser(tenant), await aUser(tenant)];
    const ready = await passwords.prepare(tenant, ann.id, PASSWORD);
    runs.length = 0;
    await inTransaction(tenant, (tx) => passwords.set(tx, ann.id, ready));
    expect(runs).to.deep.equal([]);
    expect(await storedHashOf(tenant, ann.id)).to.equal(ready.stored.hash);
    expect(await passwords.set(tenant, bob.id, ready).catch((error: Error) => error.message)).to.match(/another user/);
  });

  it('refuses a breached one, where the tenant wants it', async () => {
    const rest = createHash('sha1').update(PASSWORD).digest('hex').slice(5);
    const { passwords } = aHouse({ fetchText: async () => `${rest}:7` });
    const { passwords: quiet } = aHouse({ fetchText: async () => `${rest}:0` });
    const [careful, careless] = [await aTenant(), await aTenant({ settings: { password: { refuseBreached: false } } })];
    const [ann, bob] = [await aUser(careful), await aUser(careless)];
    expect(await endOfSetting(passwords.set(careful, ann.id, PASSWORD))).to.equal('password_breached');
    expect(await endOfSetting(passwords.set(careless, bob.id, PASSWORD))).to.equal('done');
    expect(await endOfSetting(quiet.set(careful, ann.id, PASSWORD))).to.equal('done');
  });

  it('does not know users of another tenant', async () => {
    const { passwords } = aHouse();
    const ann = await aUser(await aTenant());
    expect(await endOfSetting(passwords.set(await aTenant(), ann.id, PASSWORD))).to.equal('user_not_found');
  });

  it('does not take back the password that had to be changed', async () => {
    const { passwords } = aHouse();
    const tenant = await aTenant();
    const ann = await aUser(tenant);
    await passwords.set(tenant, ann.id, PASSWORD, { mustChange: true });
    expect(await endOfSetting(passwords.set(tenant, ann.id, PASSWORD))).to.equal('password_policy reused');
    expect(await endOfSetting(passwords.set(tenant, ann.id, 'another horse'))).to.equal('done');
  });
});

describe('the history of passwords', () => {
  it('keeps as many as the tenant says from coming back', async () => {
    const { passwords } = aHouse();
    const tenant = await aTenant({ settings: { password: { historySize: 2 } } });
    const ann = await aUser(tenant);
    const set = (password: string) => endOfSetting(passwords.set(tenant, ann.id, password));

    for (const password of ['horse number one', 'horse number two', 'horse number three'])
      expect(await set(password)).to.equal('done');
    expect(await set('horse number three')).to.equal('password_policy reused');
    expect(await set('horse number two')).to.equal('password_policy reused');
    expect(await set('horse number one')).to.equal('password_policy reused');
    expect(await set('horse number four')).to.equal('done');
    expect(await set('horse number one')).to.equal('done');
    expect(await historyOf(tenant, ann.id)).to.equal(2);
  });

  it('keeps none where the tenant asks for none', async () => {
    const { passwords } = aHouse();
    const tenant = await aTenant();
    const ann = await aUser(tenant);
    for (const password of [PASSWORD, 'another horse', PASSWORD]) await passwords.set(tenant, ann.id, password);
    expect(await historyOf(tenant, ann.id)).to.equal(0);
  });
});

describe('passwords.setForeign', () => {
  it('refuses formats that are not known', async () => {
    const { passwords } = aHouse();
    const tenant = await aTenant();
    const ann = await aUser(tenant);
    for (const hash of [
      'plain',
      '5f4dcc3b5aa765d61d8327deb882cf99',
      '$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHQ$AAAA',
    ]) {
      expect(await endOfSetting(passwords.setForeign(tenant, ann.id, hash))).to.equal('invalid_input');
    }
  });
});

describe('passwords.change', () => {
  async function annWithPassword() {
    const house = aHouse();
    const tenant = await aTenant();
    const ann = await aUser(tenant);
    await house.passwords.set(tenant, ann.id, PASSWORD);
    const change = (current: string, next: string, call: TenantCall = tenant, deviceCookie?: string) =>
      endOfSetting(house.passwords.change(call, ann.id, { current, next, deviceCookie }));
    const login = (password: string, call: TenantCall = tenant) =>
      endOf(house.signIn.withPassword(call, { identifier: ann.email, password }));
    return { ...house, tenant, ann, change, login };
  }

  it('asks for the current one, and leaves a line in the trail', async () => {
    const { change, login, tenant, ann } = await annWithPassword();
    expect(await change('not the one', 'another horse')).to.equal('invalid_credentials');
    expect(await change(PASSWORD, PASSWORD)).to.equal('password_policy reused');
    expect(await change(PASSWORD, 'password')).to.equal('password_policy common');
    expect(await change(PASSWORD, 'another horse')).to.equal('done');
    expect(await login(PASSWORD)).to.equal('invalid_credentials');
    expect(await login('another horse')).to.equal('signed-in');
    const trail = await auditOf(tenant);
    expect(trail.slice(0, 2)).to.deep.equal([
      { action: 'password.change_refused', target: `user:${ann.id}`, details: { reason: 'wrong_credentials' } },
      { action: 'password.changed', target: `user:${ann.id}`, details: {} },
    ]);
    expect(JSON.stringify(trail)).not.to.match(/argon2|horse/);
  });

  it('shares the counters of sign-in, both ways', async () => {
    const { change, login, tenant } = await annWithPassword();
    for (let wrong = 0; wrong < 5; wrong++) await change(`wrong ${wrong}`, 'another horse');
    for (let wrong = 0; wrong < 5; wrong++) await login(`wrong ${wrong}`);

    expect(await login(PASSWORD)).to.equal('invalid_credentials');
    expect(await change(PASSWORD, 'another horse')).to.equal('rate_limited');
    expect(await change(PASSWORD, 'another horse', fromAddress(tenant))).to.equal('done');
    await passSeconds(901);
    expect(await login('another horse')).to.equal('signed-in');
  });

  it('lets one of two changes at once win', async () => {
    const { change, login } = await annWithPassword();
    const ends = await Promise.all(['one horse only', 'two horses only'].map((next) => change(PASSWORD, next)));
    const winner = ends[0] === 'done' ? 'one horse only' : 'two horses only';
    expect(ends.toSorted()).to.satisfy(
      ([a, b]: string[]) => (a === 'conflict' || a === 'done') && (b === 'done' || b === 'invalid_credentials'),
    );
    expect(ends.filter((end) => end === 'done')).to.have.lengthOf(1);
    expect(await login(winner)).to.equal('signed-in');
  });
});

async function historyOf(call: TenantCall, userId: UserId): Promise<number> {
  return inTransaction(call, async ({ db, tenantId }) => {
    const rows = await db('password_history').where({ tenant_id: tenantId, user_id: userId }).select('id');
    return rows.length;
  });
}
