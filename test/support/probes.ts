import { randomBytes } from 'node:crypto';
import { wantsCaller } from '../../src/api/operation.ts';
import type { Route } from '../../src/api/routes.ts';
import type { ApiAnswer, Request } from './api.ts';
import { type Asked, asking, isInExample, type Named, type Place, placesOf } from './places.ts';
import { type Asker, absentLike, oneOf, type Things } from './things.ts';

/** One request about what is another tenant's, and the same about what is nobody's. */
export type Probe = { what: string; foreign: Attempt; absent: Attempt; isRefused: boolean };

/** A request, and the values in it that name something. */
export type Attempt = Asked & { headers?: Record<string, string>; values: readonly string[] };

/** The ways to name what is another tenant's in a request to an operation. */
export function probesOf(route: Route, { name, own, site }: Asker, theirs: Things): Probe[] {
  // The operator's administrators are asked for tenants by their ids.
  const places = placesOf(route).filter(({ kind }) => name !== 'an operator' || !['ten', 'slug'].includes(kind));
  const path = places.filter((place) => place.in === 'path');
  const others = places.filter((place) => place.in !== 'path');
  const home = name === 'a visitor' ? { 'x-tenant-slug': site.slug } : {};
  const named = places.filter((place) => isInExample(route, place));
  const mine = named.map((place): [Place, string] => [place, oneOf(own, place.kind)]);

  const inPath = choicesOf(path).map((foreign) => ({
    ...pairOf(route, mine, foreign, theirs, home),
    what: `path ${foreign.map(({ at }) => at).join(' and ')}`,
    // Whoever holds a token may be told that it is worth nothing here.
    isRefused: name !== 'a visitor',
  }));
  const elsewhere = others.map((place) => ({
    ...pairOf(route, mine, [place], theirs, home),
    what: `${place.in} ${place.at.join('.')}`,
    isRefused: false,
  }));
  return [...inPath, ...elsewhere, ...(wantsCaller(route.operation) ? byTenant(route, mine, theirs) : [])];
}

/** Every choice of at least one of the places. */
function choicesOf(places: readonly Place[]): Place[][] {
  return places
    .reduce<Place[][]>((choices, place) => choices.flatMap((choice) => [choice, [...choice, place]]), [[]])
    .filter((choice) => choice.length > 0);
}

function pairOf(
  route: Route,
  mine: readonly [Place, string][],
  foreign: readonly Place[],
  theirs: Things,
  headers: Record<string, string>,
): Pick<Probe, 'foreign' | 'absent'> {
  const values = foreign.map((place) => oneOf(theirs, place.kind));
  const absent = values.map(absentLike);
  const named = (given: readonly string[]): Named =>
    new Map([...mine, ...foreign.map((place, index): [Place, string] => [place, given[index]!])]);
  // So few letters an hour go to one address.
  const who = randomBytes(6).toString('hex');
  return {
    foreign: { ...asking(route, named(values), who), headers, values },
    absent: { ...asking(route, named(absent), who), headers, values: absent },
  };
}

/** The other tenant, named as the one in which the request is meant. */
function byTenant(route: Route, mine: readonly [Place, string][], theirs: Things): Probe[] {
  const asked = asking(route, new Map(mine));
  const [ten, slug] = [oneOf(theirs, 'ten'), oneOf(theirs, 'slug')];
  const by = (what: string, value: string, to: (value: string) => Partial<Attempt>): Probe => {
    const [foreign, absent] = [value, absentLike(value)].map((one) => ({ ...asked, values: [one], ...to(one) }));
    return { what, foreign: foreign!, absent: absent!, isRefused: true };
  };
  return [
    by('X-Tenant-Id', ten, (value) => ({ headers: { 'x-tenant-id': value } })),
    by('X-Tenant-Slug', slug, (value) => ({ headers: { 'x-tenant-slug': value } })),
    by('?tenant', slug, (value) => ({ path: `${asked.path}?tenant=${value}` })),
  ];
}

export const send = ({ send: ask }: Asker, { operation: { method } }: Route, { path, body, headers }: Attempt) =>
  ask(method, path, { ...(headers && { headers }), ...(body !== undefined && { body }) } as Request);

/** What an answer tells, but for what every answer has of its own and the values that were asked for. */
export function told({ status, headers, text }: ApiAnswer, { values }: Attempt): object {
  const blank = values.reduce((rest, value) => rest.replaceAll(value, '…'), text);
  return {
    status,
    headers: [...headers.keys()].filter((name) => name !== 'content-length').sort(),
    body: blank.replace(/"(requestId|timestamp)":"[^"]*"/g, '"$1":""'),
  };
}

/**
 * What an answer shows of another tenant besides the values that were asked for. Names are that tenant's slug and what
 * goes on from there; an id counts until it was `sent`, because the asker's own trail tells what was asked.
 */
export function leaksIn(
  { text, headers }: ApiAnswer,
  { values }: Pick<Attempt, 'values'>,
  theirs: Things,
  sent: ReadonlySet<string>,
): string[] {
  const shown = values.reduce((rest, value) => rest.replaceAll(value, '…'), `${text} ${[...headers.values()]}`);
  const telling = Object.entries(theirs).filter(([kind, value]) => kind === 'slug' || !sent.has(value));
  return telling.filter(([, value]) => shown.includes(value)).map(([kind, value]) => `${kind} ${value}`);
}
