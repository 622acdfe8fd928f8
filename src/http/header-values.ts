import type { IncomingMessage } from 'node:http';

/** Every value of a header, as each was sent: Node itself joins them, or takes the first. `name` in lower case. */
export function valuesOf({ rawHeaders }: IncomingMessage, name: string): string[] {
  return rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]!.toLowerCase() === name);
}
