import { expect } from 'chai';
import { z } from 'zod';
import { DESCRIBED_EVENTS, eventFace } from '../../../src/api/v1/event-body.ts';
import type { User } from '../../../src/domain/users/user.ts';
import { EVENTS, type EventName, type TenantEvent } from '../../../src/domain/webhooks/event.ts';
import { type EventId, newId, type TenantId, type UserId } from '../../../src/kernel/ids.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';

type Schema = Record<string, unknown>;
/** The names of all that a schema lets through, at any depth. */
function namesIn(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const { properties, ...rest } = schema as Schema;
  return [
    ...Object.keys((properties ?? {}) as object),
    ...[...Object.values((properties ?? {}) as object), ...Object.values(rest)].flatMap(namesIn),
  ];
}
const objectsIn = (schema: unknown): Schema[] =>
  typeof schema !== 'object' || schema === null
    ? []
    : [...('properties' in schema ? [schema as Schema] : []), ...Object.values(schema).flatMap(objectsIn)];

const SECRET = /password|secret|token|hash|totp|code|cookie|credential|privat|sealed|assertion|pepper|session_?uid/i;

const event = <Name extends EventName>(name: Name, data: TenantEvent<Name>['data']): TenantEvent =>
  ({
    id: newId<EventId>(),
    name,
    tenantId: newId<TenantId>(),
    at: new Date(),
    actor: { type: 'system', id: null },
    data,
  }) as TenantEvent;

/** A person with the longest of everything. */
const longest: User = {
  id: newId<UserId>(),
  email: `${'é'.repeat(60)}@${'x'.repeat(60)}.example`,
  emailCanonical: 'canonical@example.com',
  emailVerified: true,
  username: '\u{10ffff}'.repeat(LIMITS.usernameChars),
  phone: '+123456789012345',
  phoneVerified: true,
  firstName: '\u{1f600}'.repeat(LIMITS.nameChars),
  lastName: '\u{1f600}'.repeat(LIMITS.nameChars),
  locale: 'de-Latn-DE-1996-u-co-phonebk-x-long',
  timezone: 'America/Argentina/ComodRivadavia',
  status: 'suspended',
  createdAt: new Date(),
  updatedAt: new Date(),
  lastSignInAt: new Date(),
};

describe('the messages of webhooks', () => {
  for (const { name, schema, example } of DESCRIBED_EVENTS) {
    it(`${name}: has a valid example, and nothing that sounds like a secret or is not named`, () => {
      expect(schema.safeParse(example).error).to.equal(undefined);
      const json = z.toJSONSchema(schema);
      expect(namesIn(json).filter((field) => SECRET.test(field))).to.deep.equal([]);
      for (const object of objectsIn(json)) expect(object['additionalProperties']).to.equal(false);
      expect(JSON.stringify(json)).not.to.include('"{}"');
    });
  }

  it('are all there, in the order of the catalogue', () => {
    expect(DESCRIBED_EVENTS.map(({ name }) => name)).to.deep.equal(Object.keys(EVENTS));
  });

  it('show what the schema names and nothing else, whatever they are made from', () => {
    const user = { ...longest, passwordHash: '$argon2id$', totpSecret: 'JBSWY3DP' } as User;
    const text = eventFace.write(event('user.created', { user, changed: null }));
    expect(text).not.to.match(/argon2|JBSWY3DP|canonical/);
    expect(JSON.parse(text).data.user).to.include({ lastName: longest.lastName, timezone: longest.timezone });
  });

  it('are smaller than a message may be, with the longest of everything', () => {
    const changed = Object.keys(longest);
    const names = (count: number) => Array.from({ length: count }, (_, at) => `R${at}`.padEnd(64, 'x'));
    const largest: TenantEvent[] = [
      event('user.updated', { user: longest, changed }),
      event('user.roles_changed', { userId: longest.id, added: names(100), removed: names(100) }),
      event('client.updated', {
        clientId: 'x'.repeat(128),
        kind: 'web',
        name: longest.lastName,
        status: 'active',
        changed,
      }),
      event('role.updated', {
        name: 'x'.repeat(64),
        displayName: longest.lastName,
        description: '\u{1f600}'.repeat(LIMITS.descriptionChars),
      }),
      event('api.created', { identifier: `https://${'x'.repeat(2_000)}`, name: longest.lastName }),
    ];
    for (const one of largest)
      expect([one.name, Buffer.byteLength(eventFace.write(one))]).to.satisfy(
        ([, bytes]: [string, number]) => bytes > 200 && bytes <= LIMITS.webhookPayloadBytes,
      );
  });

  it('can go without their data', () => {
    const bare = JSON.parse(eventFace.write(event('user.created', { user: longest, changed: null }), { bare: true }));
    expect(bare).to.deep.include({ type: 'user.created', data: null });
  });
});
