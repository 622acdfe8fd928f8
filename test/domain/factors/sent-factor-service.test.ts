import { expect } from 'chai';
import type { Role } from '../../../src/domain/access/role.ts';
import type { Channel } from '../../../src/domain/factors/sent-code.ts';
import { DEFAULT_SETTINGS } from '../../../src/domain/tenants/settings.ts';
import type { TenantCall } from '../../../src/kernel/call.ts';
import type { UserId } from '../../../src/kernel/ids.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';
import { lettersOf } from '../../support/queued.ts';
import { aTenant, aUser, auditOf, rooms } from '../../support/rooms.ts';
import { fromAddress } from '../sign-in/house.ts';
import {
  aTenantWithCodes,
  enrolled,
  factorRooms,
  GATEWAY,
  later,
  NUMBER,
  refusalOf,
  sentCodes,
  storedIn,
  wrongCode,
} from './house.ts';

describe('enrolling an address for codes', () => {
  const by = (userId: UserId, sessionUid = 'one') => ({ userId, sessionUid });

  for (const channel of ['email', 'sms'] as const) {
    it(`by ${channel}: sends a code there, takes it once, and brings ten backup codes`, async () => {
      const { tenant, ann, email } = await aTenantWithCodes();
      const { factors, sentFactors } = factorRooms();
      const { factorId, sentTo } = await sentFactors.enrol(tenant, by(ann), { channel, phoneNumber: NUMBER });
      expect(sentTo).to.equal(channel === 'sms' ? '+14•••••23' : `a•••@example.com`);
      expect(await factors.list(tenant, ann), 'not before it is confirmed').to.deep.equal([]);
      const [code] = (await sentCodes(tenant, channel)) as [string];
      expect(code).to.match(/^\d{6}$/);
      expect(await storedIn(tenant)).not.to.include(code);

      const confirm = (typed: string) => sentFactors.confirm(tenant, by(ann), { channel, factorId, code: typed });
      expect(await refusalOf(confirm(wrongCode(code)))).to.equal('factor_wrong');
      const { backupCodes } = await confirm(` ${code.slice(0, 3)} ${code.slice(3)}`);
      expect(backupCodes).to.have.length(10);
      expect(await refusalOf(confirm(code)), 'a second time').to.equal('factor_wrong');
      expect((await factors.list(tenant, ann))[0]).to.include({
        ...{ id: factorId, kind: channel, address: channel === 'sms' ? NUMBER : email },
      });
      expect(await auditOf(tenant)).to.include.members(['factor.enrolment_begun', 'factor.refused', 'factor.enrolled']);
      const [notice] = await lettersOf(tenant, { keys: rooms().tenantKeys }, 'factor-added');
      expect(notice?.values.factor).to.equal(channel);
    });
  }

  it('sends to the profile’s number where none is named, and notes that it is its owner’s', async () => {
    const { tenant, ann } = await aTenantWithCodes();
    await rooms().users.updateProfile(tenant, ann, { phone: NUMBER });
    const { sentFactors } = factorRooms();
    const { factorId } = await sentFactors.enrol(tenant, by(ann), { channel: 'sms' });
    const [code] = await sentCodes(tenant, 'sms');
    await sentFactors.confirm(tenant, by(ann), { channel: 'sms', factorId, code: code! });
    expect((await rooms().users.get(tenant, ann)).phoneVerified).to.equal(true);
  });

  it('replaces the address of its channel, and no other factor', async () => {
    const { tenant, ann } = await aTenantWithCodes();
    await enrolled(tenant, ann);
    const { factors, sentFactors } = factorRooms({ amr: ['pwd', 'otp', 'mfa'] });
    for (const phoneNumber of [NUMBER, '+447700900123']) {
      const { factorId } = await sentFactors.enrol(tenant, by(ann), { channel: 'sms', phoneNumber });
      const code = (await sentCodes(tenant, 'sms')).at(-1)!;
      expect((await sentFactors.confirm(tenant, by(ann), { channel: 'sms', factorId, code })).backupCodes).to.equal(
        undefined,
      );
    }
    expect((await factors.list(tenant, ann)).map(({ kind, address }) => [kind, address])).to.deep.equal([
      ['totp', undefined],
      ['sms', '+447700900123'],
    ]);
  });

  it('takes the last beginning only, of the same person and session, and for ten minutes', async () => {
    const { tenant, ann } = await aTenantWithCodes();
    const bob = await aUser(tenant);
    const { sentFactors } = factorRooms();
    const begin = () => sentFactors.enrol(tenant, by(ann), { channel: 'email' });
    const [first, second] = [await begin(), await begin()];
    const [one, two] = (await sentCodes(tenant, 'email')) as [string, string];
    const confirm = (who: ReturnType<typeof by>, { factorId }: typeof first, code: string, call = tenant) =>
      refusalOf(sentFactors.confirm(call, who, { channel: 'email', factorId, code }));

    expect(await confirm(by(ann), first, one), 'an earlier beginning').to.equal('factor_not_found');
    expect(await confirm(by(ann), second, one), 'its code').to.equal(one === two ? 'done' : 'factor_wrong');
    expect(await confirm(by(bob), second, two), 'another person').to.equal('factor_wrong');
    expect(await confirm(by(ann, 'two'), second, two), 'another session').to.equal('factor_not_found');
    const late = later(tenant, LIMITS.sentCodeSeconds);
    expect(await confirm(by(ann), second, two, late), 'ten minutes later').to.equal('factor_wrong');
    const other = { ...tenant, ...(await aTenant()) };
    expect(await confirm(by(ann), second, two, other), 'another tenant').to.equal('factor_wrong');
    expect(await confirm(by(ann), second, two)).to.equal('done');
  });

  it('is known to who began it, and to nobody else, for a quarter of an hour', async () => {
    const { tenant, ann, email } = await aTenantWithCodes();
    const { sentFactors } = factorRooms();
    const pending = (call = tenant, sessionUid = 'one') => sentFactors.pending(call, by(ann, sessionUid), 'email');
    expect(await pending()).to.equal(undefined);
    const { factorId } = await sentFactors.enrol(tenant, by(ann), { channel: 'email' });
    expect(await pending()).to.deep.equal({ factorId, address: email });
    expect(await sentFactors.pending(tenant, by(ann), 'sms')).to.equal(undefined);
    expect(await pending(tenant, 'two')).to.equal(undefined);
    expect(await pending({ ...tenant, ...(await aTenant()) })).to.equal(undefined);
    expect(await pending(later(tenant, LIMITS.pendingFactorSeconds))).to.equal(undefined);
  });

  it('is offered by the channels that the tenant has, and not to operators', async () => {
    const { tenant, ann } = await aTenantWithCodes();
    const { sentFactors } = factorRooms();
    const mfa = { ...DEFAULT_SETTINGS.mfa, allowedFactors: ['totp', 'email', 'sms'] as const };
    const settings = { mfa, sms: { ...DEFAULT_SETTINGS.sms, gateway: 'webhook' as const } };
    const offered = (more: object = {}, services = sentFactors) =>
      services.channelsFor(tenant, ann, { ...settings, ...more });
    expect(await offered()).to.deep.equal(['email', 'sms']);
    expect(await offered({ sms: DEFAULT_SETTINGS.sms }), 'no gateway').to.deep.equal(['email']);
    expect(await offered({ mfa: { ...mfa, mode: 'off' } })).to.deep.equal([]);
    expect(await offered({ mfa: { ...mfa, allowedFactors: ['totp', 'sms'] } })).to.deep.equal(['sms']);
    const rolesOf = async () => [{ name: 'SUPER_ADMIN' } as Role];
    const { sentFactors: toOperators } = factorRooms({}, { access: { ...rooms().access, rolesOf } });
    expect(await offered({}, toOperators)).to.deep.equal([]);
  });

  it('is ended by five wrong codes, however parallel they are: the right one comes too late', async () => {
    const { tenant, ann } = await aTenantWithCodes();
    const { sentFactors } = factorRooms();
    const { factorId } = await sentFactors.enrol(tenant, by(ann), { channel: 'email' });
    const [code] = (await sentCodes(tenant, 'email')) as [string];
    const confirm = (typed: string) =>
      refusalOf(sentFactors.confirm(tenant, by(ann), { channel: 'email', factorId, code: typed }));
    const ends = await Promise.all(Array.from({ length: 5 }, () => confirm(wrongCode(code))));
    expect(new Set(ends)).to.deep.equal(new Set(['factor_wrong']));
    expect(await confirm(code)).to.equal('factor_wrong');
  });

  it('is counted with the other codes of the account', async () => {
    const { tenant, ann } = await aTenantWithCodes();
    const { sentFactors } = factorRooms();
    const ends: string[] = [];
    for (let guess = 0; guess <= LIMITS.codeFailures; guess++) {
      const wrong = { channel: 'email' as const, factorId: ann as never, code: '000000' };
      ends.push(await refusalOf(sentFactors.confirm(tenant, by(ann), wrong)));
    }
    expect(ends.at(-2)).to.equal('factor_wrong');
    expect(ends.at(-1)).to.equal('rate_limited');
  });

  it('asks for a fresh session with the factor that was there', async () => {
    const { tenant, ann } = await aTenantWithCodes();
    const begin = (proof: object) =>
      refusalOf(factorRooms(proof).sentFactors.enrol(tenant, by(ann), { channel: 'email' }));
    expect(await begin({ authTime: later(tenant, -601).now })).to.equal('reauthentication_required');
    await enrolled(tenant, ann);
    expect(await begin({})).to.equal('reauthentication_required');
    expect(await begin({ amr: ['pwd', 'otp', 'mfa'] })).to.equal('done');
  });

  it('is refused where the tenant has not turned it on, or has no gateway', async () => {
    const begin = (tenant: TenantCall, userId: UserId, channel: Channel) =>
      refusalOf(factorRooms().sentFactors.enrol(tenant, by(userId), { channel, phoneNumber: NUMBER }));
    const off = await aTenant();
    expect(await begin(off, await aUser(off), 'email')).to.equal('factor_not_allowed');
    const { tenant, ann } = await aTenantWithCodes({ sms: { gateway: null } });
    expect(await begin(tenant, ann, 'sms')).to.equal('factor_not_allowed');
    expect(await begin(tenant, ann, 'email')).to.equal('done');
  });

  it('sends to no number that is none, is dear, or is where the tenant does not send to', async () => {
    const { tenant, ann } = await aTenantWithCodes({ sms: { ...GATEWAY.sms, callingCodes: ['1', '44'] } });
    const begin = (phoneNumber: string) =>
      refusalOf(factorRooms().sentFactors.enrol(tenant, by(ann), { channel: 'sms', phoneNumber }));
    for (const bad of ['', '5550123', '0014155550123', '+1', '+1415555012345678', '+1 415 CALL ME', '+0123456789'])
      expect(await begin(bad), bad).to.equal('invalid_input');
    for (const dear of [
      '+19005550123',
      '+12129761234',
      '+449098790000',
      '+447012345678',
      '+88213123456',
      '+979123456789',
    ])
      expect(await begin(dear), dear).to.equal('phone_not_allowed');
    expect(await begin('+4915112345678'), 'another country').to.equal('phone_not_allowed');
    expect(await sentCodes(tenant, 'sms')).to.deep.equal([]);
    expect(await begin('+1 (415) 555-0123')).to.equal('done');
  });
});

describe('codes that are sent', () => {
  const by = (userId: UserId) => ({ userId, sessionUid: 'one' });
  const begin = (call: TenantCall, userId: UserId, phoneNumber = NUMBER) =>
    refusalOf(factorRooms().sentFactors.enrol(call, by(userId), { channel: 'sms', phoneNumber }));

  it('are so many in an hour for an account, whatever it asks from', async () => {
    const { tenant, ann } = await aTenantWithCodes();
    const ends: string[] = [];
    for (let sends = 0; sends <= LIMITS.codeSendsOfAccount; sends++)
      ends.push(await begin(fromAddress(tenant), ann, `+1415555${String(1000 + sends)}`));
    expect(ends.slice(0, -1)).to.deep.equal(Array(LIMITS.codeSendsOfAccount).fill('done'));
    expect(ends.at(-1)).to.equal('rate_limited');
  });

  it('are so many in an hour to a number, whichever accounts and tenants they are for', async () => {
    const number = `+1415${String(Date.now()).slice(-7)}`;
    const ends: string[] = [];
    for (let sends = 0; sends <= LIMITS.codeSendsToAddress; sends++) {
      const { tenant, ann } = await aTenantWithCodes();
      ends.push(await begin(tenant, ann, number));
    }
    expect(ends.slice(0, -1)).to.deep.equal(Array(LIMITS.codeSendsToAddress).fill('done'));
    expect(ends.at(-1)).to.equal('rate_limited');
  });

  it('are so many in an hour for a network and for a tenant', async () => {
    const { tenant } = await aTenantWithCodes({ sms: { ...GATEWAY.sms, perHour: 3 } });
    const ofTenant: string[] = [];
    for (let sends = 0; sends < 4; sends++)
      ofTenant.push(await begin(fromAddress(tenant), await aUser(tenant), `+1415666${String(1000 + sends)}`));
    expect(ofTenant).to.deep.equal(['done', 'done', 'done', 'rate_limited']);

    const here = (await aTenantWithCodes()).tenant;
    let end = '';
    for (let sends = 0; sends <= LIMITS.codeSendsOfNetwork; sends++)
      end = await begin(here, await aUser(here), `+1415777${String(1000 + sends)}`);
    expect(end).to.equal('rate_limited');
  });
});
