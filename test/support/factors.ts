import { expect } from 'chai';
import { generate } from 'otplib';
import { siteOf } from '../../src/domain/factors/webauthn.ts';
import type { House } from '../../src/house.ts';
import { type Send, sender } from './api.ts';
import { type Authenticator, anAuthenticator } from './authenticator.ts';
import { PASSWORD, type Site, type TestNode } from './node.ts';
import { lettersOf } from './queued.ts';

/** What an authenticator application shows now, or so many steps of 30 seconds later. */
export const codeOf = (secret: string, stepsOn = 0): Promise<string> =>
  generate({ secret, epoch: Math.floor(Date.now() / 1000) + stepsOn * 30 });

export type Enrolled = { secret: string; factorId: string; backupCodes: string[]; usedCode: string };

/** Enrols an authenticator application for whoever `as` speaks for, with the code of the step before this one. */
export async function enrolTotp(as: Send): Promise<Enrolled> {
  const { body } = await as('POST', '/api/v1/me/mfa/totp/enroll');
  const { secret, factorId } = body;
  // Twice at most: a new step may begin between the code and its way to the node.
  for (let tries = 2; ; tries--) {
    const usedCode = await codeOf(secret, -1);
    const confirmed = await as('POST', '/api/v1/me/mfa/totp/confirm', { body: { factorId, code: usedCode } });
    if (confirmed.status === 401 && tries > 1) continue;
    expect(confirmed.status, confirmed.text).to.equal(200);
    return { secret, factorId, backupCodes: confirmed.body.backupCodes, usedCode };
  }
}

/** Enrols one for the user of a site, who has none yet. */
export async function siteWithTotp(node: Pick<TestNode, 'port'>, site: Site): Promise<Enrolled> {
  const send = sender(() => node.port);
  const login = await send('POST', '/api/v1/auth/login', { body: { email: site.email, password: PASSWORD } });
  expect(login.status, login.text).to.equal(200);
  const headers = { authorization: `Bearer ${login.body.accessToken}` };
  return enrolTotp((method, path, request = {}) => send(method, path, { ...request, headers }));
}

/** Adds a passkey of a site's user, at the address of the issuer unless told. */
export async function siteWithPasskey(
  { house }: Pick<TestNode, 'house'>,
  { call, user, issuer }: Site,
  at: string = issuer,
): Promise<Authenticator> {
  const { passkeys } = house.services;
  const [now, site] = [{ ...call, now: new Date() }, siteOf(at)];
  const authenticator = anAuthenticator({ origin: site.origin });
  const by = { userId: user, proof: { amr: ['pwd', 'mfa'], authTime: now.now }, signIn: 'a test' };
  const attestation = authenticator.create(await passkeys.registrationOptions(now, by, site));
  await passkeys.register(now, by, { site, attestation });
  return authenticator;
}

/** The options that a page hands to the script. */
export function optionsIn({ html }: { html: string }): never {
  const [, text] = /data-passkey-options="([^"]*)"/.exec(html) ?? [];
  if (text === undefined) throw new Error('the page has no passkey button');
  return JSON.parse(text.replaceAll('&#34;', '"').replaceAll('&amp;', '&')) as never;
}

/** Adds a passkey for whoever `as` speaks for; the device that has it. */
export async function enrolPasskey(as: Send, { issuer }: Pick<Site, 'issuer'>): Promise<Authenticator> {
  const authenticator = deviceAt(issuer);
  const { body: options } = await as('POST', '/api/v1/me/mfa/webauthn/register/options');
  const response = authenticator.create(options);
  const added = await as('POST', '/api/v1/me/mfa/webauthn/register', { body: { response } });
  expect(added.status, added.text).to.equal(201);
  return authenticator;
}

/** A device on a page at the address to which tests send requests of JSON. */
export const deviceAt = (issuer: string): Authenticator =>
  anAuthenticator({ origin: `http://127.0.0.1:${new URL(issuer).port}` });

/** Whoever is signed in at a site, and the house that serves it. */
type AtHome = { as: Send; site: Site; house: House };

/** Begins to enrol the e-mail address of a site's user, whose tenant allows it from then on. */
export async function beginEmailFactor({ as, site, house }: AtHome): Promise<{ factorId: string; code: string }> {
  await allowEmailFactor({ site, house });
  const { body } = await as('POST', '/api/v1/me/mfa/email/enroll');
  const letters = await lettersOf(site.call, { keys: house.services.tenantKeys }, 'email-code');
  return { factorId: body.factorId, code: letters.at(-1)!.values.code };
}

export async function allowEmailFactor({ site, house }: Pick<AtHome, 'site' | 'house'>): Promise<void> {
  const allowedFactors = ['totp', 'webauthn', 'email', 'backup_code'] as const;
  await house.services.tenants.updateSettings(site.call, { mfa: { allowedFactors } });
}
