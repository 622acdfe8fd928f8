import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import ejs from 'ejs';
import type { Context, Middleware } from 'koa';
import type { LetterService } from '../domain/mail/letter-service.ts';
import type { Assets } from '../http/assets.ts';
import { type Networks, parseAddress } from '../kernel/address.ts';
import type { OperatorCall } from '../kernel/call.ts';
import { isUuid } from '../kernel/ids.ts';
import type { Composed, PostOffice } from './post-office.ts';

export type DevMailboxDeps = {
  letters: Pick<LetterService, 'listLatest'>;
  office: Pick<PostOffice, 'compose'>;
  assets: Pick<Assets, 'href'>;
  /** Who may read the letters, by the address of the socket. */
  internal: Networks;
  call(): OperatorCall;
};

type Queued = Awaited<ReturnType<LetterService['listLatest']>>[number];
type Shown = Omit<Queued, 'payload'> & Composed;

/** Nothing runs and nothing is loaded but our stylesheet; the letter itself stands in a frame of ours. */
const LIST_CSP =
  "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/** A letter has its styles at its elements, and runs nothing; its links open beside it. */
const LETTER_CSP =
  "default-src 'none'; style-src 'unsafe-inline'; img-src https: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox";

/**
 * `/dev/mail`: the newest letters of a development node, whether or not they were sent. It exists in development only:
 * the links in them are as good as passwords.
 */
export function serveDevMailbox(deps: DevMailboxDeps): Middleware {
  const { letters, office, assets, internal, call } = deps;
  const list = compile('views/mail/mailbox.ejs');
  const one = compile('views/mail/mailbox-letter.ejs');
  const page = {
    css: assets.href('gatehouse.css'),
    docsCss: assets.href('docs.css'),
    mailboxCss: assets.href('mailbox.css'),
    favicon: assets.href('favicon.svg'),
  };

  async function shown(): Promise<Shown[]> {
    const rows = await letters.listLatest(call());
    const composed = await Promise.all(
      rows.map(async ({ payload, ...row }) => {
        // A row that was sealed under an earlier master key of this folder does not open any more.
        const letter = await office.compose({ ...row, payload }).catch(() => undefined);
        return letter && { ...row, ...letter };
      }),
    );
    return composed.filter((letter) => letter !== undefined);
  }

  return async (ctx, next) => {
    const [, id, part] = /^\/dev\/mail(?:\/([0-9a-f-]{36})(\/html)?)?$/.exec(ctx.path) ?? [];
    const isOurs = ctx.path === '/dev/mail' || id !== undefined;
    if (!isOurs || (ctx.method !== 'GET' && ctx.method !== 'HEAD') || !isInternal(ctx, internal)) return next();
    ctx.state['route'] = '/dev/mail';
    const all = await shown();
    if (id === undefined) return answer(ctx, list({ ...page, letters: all }), LIST_CSP);
    const letter = isUuid(id) ? all.find((each) => each.id === id) : undefined;
    if (!letter) return next();
    if (part === undefined) return answer(ctx, one({ ...page, letter, links: linksIn(letter.written.text) }), LIST_CSP);
    ctx.set('x-frame-options', 'SAMEORIGIN');
    answer(ctx, letter.written.html.replaceAll('<a ', '<a target="_blank" rel="noopener" '), LETTER_CSP);
  };
}

function isInternal(ctx: Context, internal: Networks): boolean {
  const peer = parseAddress(ctx.req.socket.remoteAddress ?? '');
  return peer !== undefined && internal.has(peer);
}

function answer(ctx: Context, html: string, csp: string): void {
  ctx.status = 200;
  ctx.type = 'html';
  ctx.set('content-security-policy', csp);
  ctx.body = html;
}

const linksIn = (text: string): string[] => [...new Set(text.match(/^https?:\/\/\S+$/gm) ?? [])];

function compile(file: string): ejs.TemplateFunction {
  const filename = resolve(file);
  return ejs.compile(readFileSync(filename, 'utf8'), {
    filename,
    strict: true,
    _with: false,
    localsName: 'page',
  }) as ejs.TemplateFunction;
}
