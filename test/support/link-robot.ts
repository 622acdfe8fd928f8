import { fetchAt, type TestNode } from './node.ts';
import type { Received } from './smtp-sink.ts';

/** Every link of a letter, in either part, once. */
export function linksOf({ text, html }: Pick<Received, 'text' | 'html'>): string[] {
  const inHtml = [...html.matchAll(/href="([^"]*)"/g)].map(([, href]) => href!.replaceAll('&amp;', '&'));
  return [...new Set([...(text.match(/https?:\/\/\S+/g) ?? []), ...inHtml])];
}

/**
 * Opens every link of a letter twice, by HEAD and by GET, as the scanners of mail servers and the previews of mail programs
 * do before their reader sees it. Whoever writes a page that a letter leads to lets it loose on the letter and then does
 * what the reader would.
 *
 * @returns what was answered, for a test that wants to see it
 */
export async function openEveryLink(
  node: Pick<TestNode, 'port'>,
  letter: Pick<Received, 'text' | 'html'>,
): Promise<{ link: string; method: string; status: number }[]> {
  const send = fetchAt(node);
  const answers = [];
  for (const method of ['HEAD', 'GET', 'HEAD', 'GET']) {
    for (const link of linksOf(letter)) {
      const headers = { 'user-agent': 'Mozilla/5.0 (compatible; LinkScanner/1.0)', accept: '*/*' };
      answers.push({ link, method, status: (await send(link, { method, headers })).status });
    }
  }
  return answers;
}
