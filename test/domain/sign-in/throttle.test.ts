import { expect } from 'chai';
import { inTransaction, type TenantCall } from '../../../src/kernel/call.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';
import { counters } from '../../support/database.ts';
import { aHouse, anAddress, aTenant, aUser, endOf, fromAddress, PASSWORD, passSeconds } from './house.ts';
import { statementsOf } from './statements.ts';

const MAX = 10; // attempts from one network, by default
const LOCKOUT = { maxAttempts: 3, windowSeconds: 900, durationSeconds: 600 };

async function annAndHouse({ settings = {}, hasher = {} } = {}) {
  const house = aHouse({ hasher });
  const tenant = await aTenant({ settings });
  const ann = await aUser(tenant, { username: 'ann' });
  await house.passwords.set(tenant, ann.id, PASSWORD);
  house.runs.length = 0;
  const login = (password: string, call: TenantCall = tenant, deviceCookie?: string, identifier = ann.email) =>
    house.signIn.withPassword(call, { identifier, password, deviceCookie });
  return { ...house, tenant, ann, login };
}

async function repeat(times: number, work: (index: number) => Promise<unknown>): Promise<void> {
  for (let index = 0; index < times; index++) await work(index);
}

describe('guesses at one account from one network', () => {
  it('are ten, then the right password does not help for a while, and then it does', async () => {
    const { login } = await annAndHouse();
    await repeat(MAX, () => endOf(login('wrong wrong')));
    expect(await endOf(login(PASSWORD))).to.equal('invalid_credentials');
    await passSeconds(901);
    expect(await endOf(login(PASSWORD))).to.equal('signed-in');
  });

  it('are as many as the tenant says', async () => {
    const { login } = await annAndHouse({ settings: { lockout: LOCKOUT } });
    await repeat(2, () => endOf(login('wrong wrong')));
    expect(await endOf(login(PASSWORD))).to.equal('signed-in');
    await repeat(3, () => endOf(login('wrong wrong')));
    expect(await endOf(login(PASSWORD))).to.equal('invalid_credentials');
    await passSeconds(601);
    expect(await endOf(login(PASSWORD))).to.equal('signed-in');
  });

  it('are counted together, however the name is spelled, and over a whole /64', async () => {
    const spellings = ['ANN', ' ann ', 'ａｎｎ', 'aNN'];
    const { tenant, ann, login } = await annAndHouse();
    const names = [ann.email, ann.email.toUpperCase(), `  ${ann.email}.`, ann.email.replace('@', '＠'), ...spellings];
    await repeat(MAX, (index) =>
      endOf(
        login('wrong wrong', fromAddress(tenant, `2001:db8:1:2::${index}`), undefined, names[index % names.length]),
      ),
    );
    for (const name of names) {
      expect(await endOf(login(PASSWORD, fromAddress(tenant, '2001:db8:1:2:ffff::1'), undefined, name)), name).to.equal(
        'invalid_credentials',
      );
    }
    expect(await endOf(login(PASSWORD, fromAddress(tenant, '2001:db8:1:3::1')))).to.equal('signed-in');
  });

  it('do not count against the account of the same name in another tenant', async () => {
    const { signIn, passwords, ann, tenant, login } = await annAndHouse();
    const globex = { ...(await aTenant()), origin: tenant.origin! };
    await passwords.set(globex, (await aUser(globex, { email: ann.email })).id, PASSWORD);
    await repeat(MAX + 1, () => endOf(login('wrong wrong')));
    expect(await endOf(signIn.withPassword(globex, { identifier: ann.email, password: PASSWORD }))).to.equal(
      'signed-in',
    );
  });

  it('get no further when they come all at once', async () => {
    const { login, runs, tenant, throttle } = await annAndHouse({ hasher: { atOnce: 2 } });
    const guesses = Array.from({ length: 30 }, (_, index) => endOf(login(index === 29 ? PASSWORD : `wrong ${index}`)));
    await Promise.all(guesses);
    // Each was counted before its hash was computed, so that at most ten were looked at; the others had a stand-in.
    expect(runs).to.have.lengthOf(30);
    const guessed = { name: 'parallel' };
    const taken = await Promise.all(
      Array.from({ length: 30 }, () =>
        throttle.reserve(tenant, { guessed, deviceId: undefined, lockout: { ...LOCKOUT, maxAttempts: MAX } }),
      ),
    );
    expect(taken.filter(({ held }) => !held)).to.have.lengthOf(MAX);
  });

  it('cost the same statements before and after the limit, and at it one more, for a name that nobody has too', async () => {
    const { login, signIn, tenant } = await annAndHouse();
    // The tenant's key is at hand after a login.
    await login(PASSWORD);
    const countsOf = async (guess: () => Promise<unknown>) => {
      const counts: number[] = [];
      await repeat(MAX + 4, async () => counts.push((await statementsOf(guess)).length));
      return counts;
    };
    const atAnn = await countsOf(() => endOf(login('wrong wrong')));
    const nobody = { identifier: 'nobody@example.com', password: 'wrong' };
    const atNobody = await countsOf(() => endOf(signIn.withPassword(tenant, nobody)));
    expect(atNobody).to.deep.equal(atAnn);
    const [first = 0] = atAnn;
    expect(atAnn).to.deep.equal(atAnn.map((_, index) => (index === MAX ? first + 1 : first)));
  });

  it('are forgotten after a login, those of others are not', async () => {
    const { login, tenant } = await annAndHouse();
    const [home, elsewhere] = [fromAddress(tenant), fromAddress(tenant)];
    await repeat(MAX, () => endOf(login('wrong wrong', elsewhere)));
    await repeat(MAX - 1, () => endOf(login('wrong wrong', home)));
    expect(await endOf(login(PASSWORD, home))).to.equal('signed-in');
    await repeat(MAX - 1, () => endOf(login('wrong wrong', home)));
    expect(await endOf(login(PASSWORD, home))).to.equal('signed-in');
    expect(await endOf(login(PASSWORD, elsewhere))).to.equal('invalid_credentials');
  });
});

describe('a counter of guesses', () => {
  it('stays when the request that raised it is rolled back', async () => {
    const { throttle, tenant } = await annAndHouse();
    const reserve = (call: TenantCall) =>
      throttle.reserve(call, { guessed: { name: 'x' }, deviceId: undefined, lockout: LOCKOUT });
    for (let request = 0; request < 3; request++) {
      await inTransaction(tenant, async (tx) => {
        await reserve(tx);
        throw new Error('the request fails');
      }).catch(() => {});
    }
    expect((await reserve(tenant)).held).to.equal(true);
  });

  it('gives back an attempt whose password nobody had time for', async () => {
    const { login, throttle, tenant, ann, passwords } = await annAndHouse({
      hasher: { atOnce: 1 },
      settings: { lockout: LOCKOUT },
    });
    const busy = Array.from({ length: 1 + LIMITS.hashQueue }, () => passwords.verify(undefined, 'x'));
    await repeat(5, async () => expect(await endOf(login(PASSWORD))).to.be.oneOf(['busy', 'signed-in']));
    await Promise.all(busy);
    const attempt = await throttle.reserve(tenant, {
      guessed: { userId: ann.id },
      deviceId: undefined,
      lockout: LOCKOUT,
    });
    expect(attempt.held).to.equal(false);
  });

  it('holds neither names nor addresses', async () => {
    const { signIn, tenant } = await annAndHouse();
    await endOf(
      signIn.withPassword(fromAddress(tenant, '203.0.113.77'), {
        identifier: 'secret.name@example.com',
        password: 'x',
      }),
    );
    const { rows } = await counters().raw('select key from rate_limits');
    expect(rows.length).to.be.greaterThan(0);
    expect(JSON.stringify(rows)).not.to.match(/secret|203\.0/);
    // The counters of a second factor are named by ids alone.
    const ofPasswords = rows.filter(({ key }: { key: string }) => !key.startsWith('factor-'));
    for (const { key } of ofPasswords) expect(key).to.match(/^[a-z]+(-[a-z]+)*:[\w-]{43}$/);
  });

  it('never pays out attempts in advance', async () => {
    const { throttle, tenant } = await annAndHouse();
    const reserve = () => throttle.reserve(tenant, { guessed: { name: 'y' }, deviceId: undefined, lockout: LOCKOUT });
    const attempt = await reserve();
    await repeat(5, () => attempt.succeed());
    const taken = [await reserve(), await reserve(), await reserve(), await reserve()];
    expect(taken.map(({ held }) => held)).to.deep.equal([false, false, false, true]);
  });
});

describe('guesses at one account from everywhere', () => {
  it('do not keep its owner out on a known browser, and hold strangers', async () => {
    const { login, tenant, passwords, signIn } = await annAndHouse();
    const { deviceCookie } = await login(PASSWORD, fromAddress(tenant));
    // Ten thousand, in small: each from another address.
    await repeat(LIMITS.strangerFailures + 20, (index) => endOf(login(`wrong ${index}`, fromAddress(tenant))));

    expect(await endOf(login(PASSWORD, fromAddress(tenant)))).to.equal('invalid_credentials');
    const attacked = fromAddress(tenant);
    expect(await endOf(login(PASSWORD, attacked, deviceCookie))).to.equal('signed-in');
    expect(await endOf(login(PASSWORD, attacked, deviceCookie))).to.equal('signed-in');

    const bob = await aUser(tenant);
    await passwords.set(tenant, bob.id, PASSWORD);
    expect(await endOf(signIn.withPassword(attacked, { identifier: bob.email, password: PASSWORD }))).to.equal(
      'signed-in',
    );
  });

  it('are a hundred, then one after a pause that grows to the lock-out’s length and no further', async () => {
    const { throttle, tenant } = await annAndHouse();
    const reserve = () =>
      throttle.reserve(fromAddress(tenant), { guessed: { name: 'z' }, deviceId: undefined, lockout: LOCKOUT });
    await repeat(LIMITS.strangerFailures, async () => expect((await reserve()).held).to.equal(false));

    expect((await reserve()).held).to.equal(false);
    const second = await reserve();
    expect(second).to.include({ held: true, retryAfter: 2 });
    await passSeconds(2);
    expect((await reserve()).held).to.equal(false);
    expect((await reserve()).retryAfter).to.be.within(5, 8);
    await repeat(20, reserve);
    await passSeconds(8);
    expect((await reserve()).held).to.equal(false);
    expect((await reserve()).retryAfter).to.be.within(590, 600);
    await passSeconds(LOCKOUT.durationSeconds);
    expect((await reserve()).held).to.equal(false);
  });

  it('are held one by one when they come all at once', async () => {
    const { throttle, tenant } = await annAndHouse();
    const reserve = () =>
      throttle.reserve(fromAddress(tenant), { guessed: { name: 'q' }, deviceId: undefined, lockout: LOCKOUT });
    const taken = await Promise.all(Array.from({ length: LIMITS.strangerFailures + 30 }, reserve));
    // One more than the hundred: the first of those that must wait for each other.
    expect(taken.filter(({ held }) => !held)).to.have.lengthOf(LIMITS.strangerFailures + 1);
  });
});

describe('guesses on a known browser', () => {
  it('have a limit of their own', async () => {
    const { login, tenant } = await annAndHouse();
    const { deviceCookie } = await login(PASSWORD);
    await repeat(MAX, () => endOf(login('wrong wrong', fromAddress(tenant), deviceCookie)));
    expect(await endOf(login(PASSWORD, fromAddress(tenant), deviceCookie))).to.equal('invalid_credentials');
    expect(await endOf(login(PASSWORD, fromAddress(tenant)))).to.equal('signed-in');
    await passSeconds(901);
    expect(await endOf(login(PASSWORD, fromAddress(tenant), deviceCookie))).to.equal('signed-in');
  });
});

describe('guesses from one address at many accounts', () => {
  it('are limited, with an answer that does not depend on the account', async () => {
    const { signIn, tenant, ann, login } = await annAndHouse();
    const { deviceCookie } = await login(PASSWORD, fromAddress(tenant));
    const address = anAddress();
    const here = fromAddress(tenant, address);
    await repeat(LIMITS.addressFailures, (index) =>
      endOf(signIn.withPassword(here, { identifier: `user${index}@example.com`, password: 'x' })),
    );
    for (const identifier of [ann.email, 'nobody@example.com', 'nobody']) {
      const refusal = await signIn
        .withPassword(here, { identifier, password: PASSWORD })
        .catch((error: unknown) => error);
      expect(refusal).to.include({ code: 'rate_limited' });
      expect((refusal as { details: { retryAfter: number } }).details.retryAfter).to.be.within(
        800,
        LIMITS.addressWindowSeconds,
      );
    }
    expect(await endOf(login(PASSWORD, here, deviceCookie))).to.equal('signed-in');
    expect(await endOf(login(PASSWORD, fromAddress(tenant)))).to.equal('signed-in');
    await passSeconds(901);
    expect(await endOf(login(PASSWORD, here))).to.equal('signed-in');
  });

  it('do not count logins that succeed', async () => {
    const { tenant, login } = await annAndHouse();
    const here = fromAddress(tenant);
    await repeat(LIMITS.addressFailures + 1, async () =>
      expect(await endOf(login(PASSWORD, here))).to.equal('signed-in'),
    );
  });
});
