import { crc32 } from 'node:zlib';
import { fetchAt, type Site, type TestNode } from './node.ts';

const LETTERS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** `ghk_`, the id as a ULID, `_`: what is no secret of a key. */
const NAME_CHARS = 31;
const CHECK_CHARS = 6;

/** A key that opens `GET /api/v1/nodes` for the person of a site. */
export async function anApiKey({ house }: TestNode, { call, user }: Site): Promise<string> {
  const draft = { name: 'Report', scopes: ['iam.nodes:read'], userId: user };
  return (await house.services.apiKeys.create(call, draft)).secret;
}

/** The letters of a key that nobody knows. */
export const secretOf = (key: string): string => key.slice(NAME_CHARS, -CHECK_CHARS);

/** Whether a string opens an operation of the API with a permission: in each header, and as the secret of a true key. */
export function apiKeyDoors(node: TestNode, key: string): Record<string, (value: string) => Promise<boolean>> {
  const opens = async (headers: Record<string, string>) => {
    const answer = await fetchAt(node)(`${node.url}/api/v1/nodes`, { headers });
    if (answer.status === 429) throw new Error('the guess was not looked at');
    return answer.status < 400;
  };
  return {
    'X-API-Key': (value) => opens({ 'x-api-key': value }),
    'bearer at the API': (value) => opens({ authorization: `Bearer ${value}` }),
    'secret of an API key': (value) => opens({ 'x-api-key': checked(key.slice(0, NAME_CHARS) + value) }),
  };
}

function checked(text: string): string {
  let rest = crc32(text);
  let check = '';
  for (let at = 0; at < CHECK_CHARS; at++) {
    check = LETTERS[rest % LETTERS.length] + check;
    rest = Math.floor(rest / LETTERS.length);
  }
  return text + check;
}
