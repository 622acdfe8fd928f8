import { expect } from 'chai';
import { generate } from 'otplib';
import { type Send, sender } from './api.ts';
import { PASSWORD, type Site, type TestNode } from './node.ts';

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
