import { fetchAt, PASSWORD, type TestNode } from './node.ts';

type Cookie = { name: string; value: string; path: string };
export type Visited = { status: number; url: URL; html: string; headers: Headers };

/** What a person does with a browser without JavaScript: follows redirects, keeps cookies, fills forms in. */
export function aBrowser(node: Pick<TestNode, 'port'>, { userAgent = 'Mozilla/5.0 (test)' } = {}) {
  let jar: Cookie[] = [];
  const send = fetchAt(node);

  function cookieHeader(pathname: string): string {
    return jar
      .filter(
        ({ path }) => path === '/' || pathname === path || pathname.startsWith(path.endsWith('/') ? path : `${path}/`),
      )
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ');
  }

  function keep(header: string): void {
    const [pair = '', ...attributes] = header.split('; ');
    const at = pair.indexOf('=');
    const [name, value] = [pair.slice(0, at), pair.slice(at + 1)];
    const attribute = (key: string) =>
      attributes.find((text) => text.toLowerCase().startsWith(`${key}=`))?.slice(key.length + 1);
    const path = attribute('path') ?? '/';
    jar = jar.filter((cookie) => !(cookie.name === name && cookie.path === path));
    const expires = attribute('expires');
    if (value !== '' && !(expires && new Date(expires) < new Date())) jar.push({ name, value, path });
  }

  /** One request; redirects to our own pages are followed, the first that leads elsewhere is where it ends. */
  async function go(
    url: string | URL,
    form?: Record<string, string>,
    headers: Record<string, string> = {},
  ): Promise<Visited> {
    let [target, body] = [new URL(url), form];
    const { origin } = target;
    for (let hop = 0; hop < 12; hop++) {
      const cookie = cookieHeader(target.pathname);
      const response = await send(target, {
        method: body ? 'POST' : 'GET',
        headers: {
          accept: 'text/html',
          'user-agent': userAgent,
          ...(cookie && { cookie }),
          ...(body && { 'content-type': 'application/x-www-form-urlencoded', origin }),
          ...headers,
        },
        ...(body && { body: new URLSearchParams(body).toString() }),
      });
      for (const header of response.headers.getSetCookie()) keep(header);
      const location = response.headers.get('location');
      if (!location)
        return { status: response.status, url: target, html: await response.text(), headers: response.headers };
      [target, body] = [new URL(location, target), undefined];
      if (target.origin !== origin)
        return { status: response.status, url: target, html: '', headers: response.headers };
    }
    throw new Error('the redirects do not end');
  }

  /** Sends the form of a page, with its hidden fields, the given values and the button that is named. */
  function submit(page: Visited, values: Record<string, string>): Promise<Visited> {
    const form = /<form[^>]*method="post"[^>]*>[\s\S]*?<\/form>/i.exec(page.html)?.[0];
    if (!form) throw new Error(`no form on ${page.url}: ${page.status} ${page.html.slice(0, 300)}`);
    const action = unescapeHtml(/action="([^"]*)"/.exec(form)?.[1] ?? '');
    const hidden = [...form.matchAll(/<input[^>]*type="hidden"[^>]*>/g)].map(([input]) => [
      /name="([^"]*)"/.exec(input)?.[1] ?? '',
      unescapeHtml(/value="([^"]*)"/.exec(input)?.[1] ?? ''),
    ]);
    return go(new URL(action || page.url, page.url), { ...Object.fromEntries(hidden), ...values });
  }

  return {
    go,
    submit,
    /** Goes to a URL and signs in when the login form comes. */
    async signIn(url: string | URL, identifier: string, password = PASSWORD): Promise<Visited> {
      const page = await go(url);
      return page.html.includes('name="identifier"') ? submit(page, { identifier, password, action: 'login' }) : page;
    },
    cookies: () => jar,
    setCookies(cookies: Cookie[]): void {
      jar = cookies;
    },
  };
}

const unescapeHtml = (html: string) =>
  html.replace(
    /&(amp|lt|gt|quot|#34|#39);/g,
    (_all, name: string) => ({ amp: '&', lt: '<', gt: '>', quot: '"', '#34': '"', '#39': "'" })[name] as string,
  );
