import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import ejs from 'ejs';
import { type Letter, type LetterLink, shownName } from '../domain/mail/letter.ts';
import { type BrandTokens, letterColors } from '../http/branding.ts';
import { createTexts, type Language } from '../http/texts.ts';
import { describeUserAgent } from '../http/user-agent.ts';
import { LIMITS } from '../kernel/limits.ts';
import { isWebUrl } from '../kernel/text.ts';
import { type Block, BODIES, type LetterBody, type Words } from './letter-body.ts';

/** Whose letter it is, and where it comes from. */
export type Sender = {
  /** The tenant's name, as people know it. */
  brand: string;
  logoUrl?: string | undefined;
  tokens: BrandTokens;
  /** The issuer below which links lead; a configured URL, never a request's. */
  issuer: string;
  /** For readers of whom neither is known: BCP 47, IANA. */
  locale: string;
  timezone: string;
};

/** A letter in words: what both parts and the head say. */
export type WrittenLetter = { subject: string; text: string; html: string; language: string };

export type LetterWriter = { write(letter: Letter, sender: Sender): WrittenLetter };

/** Writes letters in the language of their reader, as text and as HTML, from one list of pieces (`letter-body.ts`). */
export function createLetterWriter({ folder = 'views/mail' } = {}): LetterWriter {
  const texts = createTexts(`${folder}/texts`);
  let template: ejs.TemplateFunction | undefined;

  return {
    write(letter, sender) {
      const language = texts.forLanguage({
        chosen: letter.languages.join(' '),
        tenantDefault: sender.locale,
      });
      const words = wordsOf(language, letter, sender);
      const body = BODIES[letter.template](words, letter.values as never) as LetterBody;
      const { address } = letter.to;
      const name = shownName(letter.to.name);
      const written: Written = {
        language,
        subject: oneLine(body.subject),
        greeting: name === '' ? words.t('letter.greeting_nobody') : words.t('letter.greeting', { name }),
        blocks: body.blocks.filter((block) => block !== undefined && !isEmpty(block)) as Block[],
        foot: words.t('letter.foot', { address }),
        t: words.t,
      };
      template ??= compile(resolve(folder, 'letter.ejs'));
      return {
        subject: written.subject,
        text: asText(written),
        html: template(viewOf(written, sender)),
        language: language.code,
      };
    },
  };
}

type Written = {
  language: Language;
  subject: string;
  greeting: string;
  blocks: readonly Block[];
  foot: string;
  t: Words['t'];
};

function wordsOf(language: Language, { timezone }: Letter, sender: Sender): Words {
  const t: Words['t'] = (key, values) => language.t(key, { brand: sender.brand, ...values });
  return {
    t,
    href: (link) => hrefOf(sender.issuer, link),
    date: (iso) => language.date(new Date(iso), timezone ?? sender.timezone),
    span: (minutes) => spanOf(language.code, minutes),
    agent(userAgent) {
      const { browser, system } = describeUserAgent(userAgent);
      return browser && system ? t('agent.on', { browser, system }) : (browser ?? system);
    },
  };
}

function hrefOf(issuer: string, { path, query = {} }: LetterLink): string {
  const url = new URL(issuer);
  url.pathname = url.pathname.replace(/\/$/, '') + path;
  url.search = new URLSearchParams(query).toString();
  return url.href;
}

/** Minutes up to two hours, hours up to two days, then days. */
function spanOf(language: string, minutes: number): string {
  const [unit, count] =
    minutes < 120 ? ['minute', minutes] : minutes < 2_880 ? ['hour', minutes / 60] : ['day', minutes / 1_440];
  return new Intl.NumberFormat(language, {
    style: 'unit',
    unit: unit as string,
    unitDisplay: 'long',
    maximumFractionDigits: 0,
  }).format(count as number);
}

const isEmpty = (block: Block) => block.kind === 'facts' && block.facts.length === 0;

/** What goes into the head of a letter has no line breaks. */
const oneLine = (text: string) => text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ').trim();

/** The part for programs that show text only. */
function asText({ greeting, blocks, foot, t }: Written): string {
  const pieces = blocks.map((block) => {
    switch (block.kind) {
      case 'button':
        return `${t('letter.link', { text: block.text })}\n${block.href}`;
      case 'code':
        return `${block.text}\n\n    ${block.code}`;
      case 'facts':
        return block.facts.map((fact) => t('letter.fact', fact)).join('\n');
      default:
        return block.text;
    }
  });
  return `${[greeting, ...pieces].join('\n\n')}\n\n-- \n${foot}\n`;
}

function viewOf({ language, t, ...written }: Written, { brand, logoUrl, tokens }: Sender): object {
  const isLogo = logoUrl !== undefined && isWebUrl(logoUrl, LIMITS.redirectUriChars);
  return {
    ...written,
    language: { code: language.code, direction: language.direction },
    brand: { name: brand, logoUrl: isLogo ? logoUrl : undefined },
    copy: t('letter.copy'),
    font: language.direction === 'rtl' ? RTL_FONT : FONT,
    light: letterColors(tokens, 'light'),
    dark: letterColors(tokens, 'dark'),
  };
}

const FONT = "-apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";
const RTL_FONT = "'Segoe UI', 'Noto Sans Arabic', 'Geeza Pro', Tahoma, Arial, sans-serif";

function compile(filename: string): ejs.TemplateFunction {
  const options = { filename, strict: true, _with: false, localsName: 'letter' };
  return ejs.compile(readFileSync(filename, 'utf8'), options) as ejs.TemplateFunction;
}
