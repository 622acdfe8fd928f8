import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const USUAL_PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** The path of a Chromium on this machine: CHROMIUM_PATH, or one of the usual places. */
export function findChromium(): string | undefined {
  return [process.env['CHROMIUM_PATH'], ...USUAL_PLACES].find(
    (path) => path !== undefined && path !== '' && existsSync(path),
  );
}

/** Starts a browser without a profile. Each page in it gets its own context from the caller. */
export async function openChromium(): Promise<Browser> {
  const executablePath = findChromium();
  if (!executablePath) throw new Error('no Chromium was found: set CHROMIUM_PATH');
  return chromium.launch({ executablePath, args: FLAGS });
}

/**
 * A suite that needs a browser. Where there is none it says so in one line and has no tests; in CI (`CI=true`) a missing
 * browser is a failure.
 */
export function describeInBrowser(title: string, suite: () => void): void {
  if (findChromium()) {
    describe(title, suite);
  } else if (process.env['CI'] === 'true') {
    describe(title, () => {
      it('needs a Chromium', () => {
        throw new Error('no Chromium was found: set CHROMIUM_PATH');
      });
    });
  } else {
    process.stdout.write(`No Chromium was found (CHROMIUM_PATH is not set): "${title}" is not tested here.\n`);
  }
}
