import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import type { Browser, BrowserContext, CDPSession, Page } from 'playwright-core';
import { PASSWORD, type Site } from './node.ts';

/** A browser window of a person, with an authenticator in their device. */
export type Window = {
  page: Page;
  /** Whether the person shows finger, face or PIN when they are asked. */
  setPresent(isPresent: boolean): Promise<void>;
  /** Gives the device another authenticator, which knows nothing yet. */
  anotherDevice(): Promise<void>;
  credentials(): Promise<{ credentialId: string; userHandle?: string; signCount: number }[]>;
  setSignCount(count: number): Promise<void>;
  /** The browser's complaints: refused scripts, faults of ours. */
  complaints: string[];
  close(): Promise<void>;
};

const DEVICE = {
  protocol: 'ctap2',
  transport: 'internal',
  hasResidentKey: true,
  hasUserVerification: true,
  isUserVerified: true,
  automaticPresenceSimulation: true,
} as const;

export async function openWindow(
  browser: Browser,
  { device = true, javaScriptEnabled = true }: { device?: boolean; javaScriptEnabled?: boolean } = {},
): Promise<Window> {
  const context: BrowserContext = await browser.newContext({ javaScriptEnabled });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' && !/status of 4\d\d/.test(message.text())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  const cdp: CDPSession = await context.newCDPSession(page);
  await cdp.send('WebAuthn.enable');
  let authenticatorId = '';
  const plug = async () => {
    ({ authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', { options: DEVICE }));
  };
  if (device) await plug();
  const credentials = async () => (await cdp.send('WebAuthn.getCredentials', { authenticatorId })).credentials;
  return {
    page,
    complaints,
    credentials,
    setPresent: async (isPresent) => {
      await cdp.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: isPresent });
    },
    async anotherDevice() {
      await cdp.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId });
      await plug();
    },
    async setSignCount(signCount) {
      const [credential] = await credentials();
      await cdp.send('WebAuthn.removeCredential', { authenticatorId, credentialId: credential!.credentialId });
      await cdp.send('WebAuthn.addCredential', { authenticatorId, credential: { ...credential!, signCount } });
    },
    close: () => context.close(),
  };
}

export type Application = { redirectUri: string; stop(): Promise<void> };

/** What stands at the address that a sign-in comes back to. */
export async function anApplication(): Promise<Application> {
  const server = createServer((_req, res) => res.end('back'));
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  return {
    redirectUri: `http://localhost:${(server.address() as AddressInfo).port}/cb`,
    stop: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Types name and password, and presses the button. */
export async function typePassword({ page }: Window, { email }: Site): Promise<void> {
  await page.locator('#identifier').fill(email);
  await page.locator('#password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
}

/** Waits until the browser is back at the application. @returns the address, with the code */
export async function backAtApplication({ page }: Window): Promise<URL> {
  await page.waitForURL('**/cb?**');
  const url = new URL(page.url());
  expect(url.searchParams.get('error'), page.url()).to.equal(null);
  return url;
}
