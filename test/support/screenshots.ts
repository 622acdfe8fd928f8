import { mkdirSync } from 'node:fs';
import { openChromium } from './chromium.ts';
import { TEMPLATES, writtenLetter } from './letter-gallery.ts';
import { BRANDS, openGallery, SAMPLES } from './page-gallery.ts';

const FOLDER = 'screenshots';
const SCREENS = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 800 } } as const;
const LOOKS = [
  { look: 'light', colorScheme: 'light', language: 'en', brand: 'house' },
  { look: 'dark', colorScheme: 'dark', language: 'en', brand: 'house' },
  { look: 'rtl', colorScheme: 'light', language: 'fa', brand: 'house' },
  { look: 'lemon', colorScheme: 'light', language: 'fr', brand: 'lemon' },
] as const;

/** Writes a picture of every page and letter on phone and desktop, light, dark, right-to-left and branded, to ./screenshots. */
async function takeScreenshots(only: readonly string[]): Promise<void> {
  mkdirSync(FOLDER, { recursive: true });
  const [gallery, browser] = [await openGallery(), await openChromium()];
  try {
    for (const [screen, viewport] of Object.entries(SCREENS)) {
      for (const { look, colorScheme, language, brand } of LOOKS) {
        const page = await browser.newPage({ viewport, colorScheme });
        for (const { name } of SAMPLES.filter((sample) => only.length === 0 || only.includes(sample.name))) {
          await page.goto(gallery.url(name, { language, brand }));
          await page.screenshot({ path: `${FOLDER}/${name}-${screen}-${look}.png`, fullPage: true });
        }
        // The policy of the pages would keep a letter from its own look.
        await page.goto('about:blank');
        for (const name of TEMPLATES.filter((each) => only.length === 0 || only.includes(`letter-${each}`))) {
          await page.setContent(writtenLetter(name, { language, tokens: BRANDS[brand]! }).html);
          await page.screenshot({ path: `${FOLDER}/letter-${name}-${screen}-${look}.png`, fullPage: true });
        }
        await page.close();
      }
    }
  } finally {
    await browser.close();
    await gallery.stop();
  }
}

await takeScreenshots(process.argv.slice(2));
