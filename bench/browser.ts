import { type Answer, type Connection, headerOf } from './http-connection.ts';
import { CALLBACK, USER } from './site.ts';

/** A browser without JavaScript: keeps cookies, follows redirects, fills in whatever form comes. */
export function createBrowser(connection: Connection) {
  const jar = new Map<string, string>();
  const cookies = () =>
    jar.size > 0 ? `cookie: ${[...jar].map(([name, value]) => `${name}=${value}`).join('; ')}\r\n` : '';

  function keep({ head }: Answer): void {
    for (const [, name, value, rest] of head.matchAll(/\r\nset-cookie: *([^=]+)=([^;\r]*)([^\r]*)/gi)) {
      if (value === '' || /expires=Thu, 01 Jan 1970/i.test(rest!)) jar.delete(name!);
      else jar.set(name!, value!);
    }
  }

  async function send(path: string, form?: string): Promise<Answer> {
    const headers = `accept: text/html\r\n${cookies()}`;
    const answer = await connection.send(form === undefined ? 'GET' : 'POST', path, {
      headers,
      ...(form !== undefined && { form }),
    });
    keep(answer);
    return answer;
  }

  return {
    /** The cookies as a line of a request's head. */
    cookieHeader: cookies,
    /** Goes to a path and through all that stands between it and the callback. @returns the callback's URL */
    async throughTo(path: string): Promise<URL> {
      let [at, answer] = [path, await send(path)];
      for (let step = 0; step < 20; step++) {
        const location = headerOf(answer, 'location');
        if (location?.startsWith(CALLBACK)) return new URL(location);
        if (location) {
          at = pathOf(location, at);
          answer = await send(at);
        } else {
          const form = formOf(answer.body);
          at = pathOf(form.action || at, at);
          answer = await send(at, form.body);
        }
      }
      throw new Error('the sign-in does not end');
    },
  };
}

export type Browser = ReturnType<typeof createBrowser>;

function pathOf(target: string, base: string): string {
  const { pathname, search } = new URL(target, new URL(base, 'http://localhost'));
  return pathname + search;
}

/** The first form of a page: what it holds already, and our user's name and password. */
function formOf(html: string): { action: string; body: string } {
  const form = /<form[^>]*method="post"[^>]*>[\s\S]*?<\/form>/i.exec(html)?.[0];
  if (!form) throw new Error(`no form: ${html.slice(0, 400)}`);
  const fields = new URLSearchParams();
  for (const [input] of form.matchAll(/<(?:input|button)[^>]*>/g)) {
    const name = /name="([^"]*)"/.exec(input)?.[1];
    if (!name) continue;
    const value = /value="([^"]*)"/.exec(input)?.[1] ?? '';
    if (fields.has(name)) continue;
    fields.set(
      name,
      name === 'password' ? USER.password : /^(identifier|login|email)$/.test(name) ? USER.email : value,
    );
  }
  return { action: /action="([^"]*)"/.exec(form)?.[1] ?? '', body: fields.toString() };
}
