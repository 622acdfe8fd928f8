import { createContracts } from '../../src/api/contracts.ts';
import { type Route, routesOf } from '../../src/api/routes.ts';
import type { ApiAnswer } from './api.ts';
import type { SignedIn, servingV1 } from './v1.ts';
import type { Maker, Write } from './writes/write.ts';
import { WRITES } from './writes.ts';

/** Every operation of every contract; their doors are not opened here. */
export const everyRoute: readonly Route[] = routesOf(createContracts({ publicHost: 'id.test' } as never));

export const everyWrite = everyRoute.filter(({ operation }) => operation.method !== 'GET');

/** How a write is asked for, and what it leaves. */
export function makerOf({ contract, name }: Route): Maker {
  const maker = WRITES[contract.name]?.[name];
  if (maker) return maker;
  throw new Error(`WRITES has no ${contract.name} ${name}: say there how it is asked for, and what it leaves`);
}

export const pathOf = ({ operation: { path } }: Route, { params = {} }: Write): string =>
  path.replace(/:(\w+)/g, (_, name: string) => params[name]!);

/** Whoever may do it: what only operators do is done by one. */
export const ownerOf = (
  { signIn, operator }: Pick<ReturnType<typeof servingV1>, 'signIn' | 'operator'>,
  { operation }: Route,
): Promise<SignedIn> => (operation.access === 'super' ? operator() : signIn());

/** Sends a write; its body as it stands in `raw`, if that is given. */
export function sendWrite(
  { as }: Pick<SignedIn, 'as'>,
  route: Route,
  write: Write,
  raw = write.raw,
): Promise<ApiAnswer> {
  const { headers = {}, body } = write;
  const sent = raw === undefined ? body && { body } : { raw };
  const type = raw !== undefined && { 'content-type': 'application/json' };
  return as(route.operation.method, pathOf(route, write), { headers: { ...type, ...headers }, ...sent });
}
