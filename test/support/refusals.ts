import { expect } from 'chai';
import { inOperatorTransaction } from '../../src/kernel/call.ts';
import { statementsOf } from '../domain/sign-in/statements.ts';
import { PASSWORD, type Site, type TestNode } from './node.ts';

/** What is said at the door, and by whom it is said. */
export type Knock = { identifier: string; password: string; ip: string };

/** What somebody outside sees of a refusal, and what it has cost inside. */
export type Seen = { status: number; headers: string[]; text: string; hashes: number; statements: number };

let addresses = 0;
/** The next address of a range that nobody else uses. */
const anAddress = () => `198.19.${++addresses >> 8}.${addresses & 255}`;

/** Why nobody comes in, each with an account of its own at the site. */
export const REFUSED: Record<string, (node: TestNode, site: Site) => Promise<Knock>> = {
  'an unknown address': async (_node, site) => knock(`nobody@${site.slug}.test`, PASSWORD),
  'a wrong password': async (node, site) => knock(await person(node, site), 'not the password'),
  'a suspended user': async (node, site) => knock(await person(node, site, 'suspended'), PASSWORD),
  'a deactivated user': async (node, site) => knock(await person(node, site, 'deactivated'), PASSWORD),
  'a user who has not verified the address': async (node, site) => knock(await person(node, site, 'pending'), PASSWORD),
  'a user who comes through an identity provider only': async (node, site) => {
    const email = await person(node, site);
    await asOperator(node, 'delete from passwords p using users u where u.id = p.user_id and u.email = ?', [email]);
    return knock(email, PASSWORD);
  },
};

/** A guess too many from one place. @param guess posts a wrong password as the door takes it */
export async function locked(node: TestNode, site: Site, guess: (knock: Knock) => Promise<unknown>): Promise<Knock> {
  const { identifier, ip } = knock(await person(node, site), '');
  for (let wrong = 0; wrong <= 10; wrong++) await guess({ identifier, password: 'not the password', ip });
  return { identifier, password: PASSWORD, ip };
}

const knock = (identifier: string, password: string): Knock => ({ identifier, password, ip: anAddress() });

let people = 0;
async function person({ house }: TestNode, site: Site, status = 'active'): Promise<string> {
  const email = `p${++people}@${site.slug}.test`;
  await house.services.users.create(site.call, { email, status: 'active', password: PASSWORD });
  await asOperator({ house } as TestNode, 'update users set status = ? where email = ?', [status, email]);
  return email;
}

const asOperator = ({ house }: TestNode, sql: string, values: string[]) =>
  inOperatorTransaction(house.operator('test'), ({ db }) => db.raw(sql, values));

/** What a door answers, and what that has cost: the hashes of the node, and the statements of this process. */
export async function seenAt(
  node: TestNode,
  send: () => Promise<{ status: number; headers: Headers; text: string }>,
  mask: (text: string) => string,
): Promise<Seen> {
  const hashesBefore = await hashesOf(node);
  let answer: Awaited<ReturnType<typeof send>> | undefined;
  const sent = await statementsOf(async () => {
    answer = await send();
  });
  const { status, headers, text } = answer!;
  const names = [...headers.keys()].filter((name) => name !== 'date').sort();
  return {
    status,
    headers: names.map((name) => `${name}: ${VARIES.has(name) ? '…' : mask(headers.get(name) as string)}`),
    text: mask(text),
    hashes: (await hashesOf(node)) - hashesBefore,
    // The node looks for news by itself every ten seconds.
    statements: sent.filter((statement) => !statement.includes('from changes')).length,
  };
}

const VARIES = new Set(['x-request-id', 'content-length', 'ratelimit', 'set-cookie']);

async function hashesOf({ house }: TestNode): Promise<number> {
  return Number(/^gatehouse_password_hashes (\d+)/m.exec(await house.metrics.text())?.[1]);
}

/** Fails, naming the first that differs, unless all were answered alike after the same work, one hash. */
export function expectAlike(seen: Record<string, Seen>): void {
  const [[, first], ...others] = Object.entries(seen) as [[string, Seen], ...[string, Seen][]];
  expect(first.hashes).to.equal(1);
  expect(first.statements).to.be.greaterThan(2);
  for (const [why, one] of others) expect({ why, ...one }).to.deep.equal({ why, ...first });
}
