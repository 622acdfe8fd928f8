import { expect } from 'chai';
import { COLUMNS_OF_PERSONS } from '../../../src/domain/privacy/person-store.ts';
import { pool } from '../../support/database.ts';

/** Columns whose name says that they name somebody, or that refer to a user, of every table; partitions are their parent. */
const NAMING = `
  select c.relname || '.' || a.attname as place from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
   where c.relkind in ('r', 'p') and not c.relispartition and c.relnamespace = 'public'::regnamespace and a.attname <> 'tenant_id'
     and (a.attname ~ '(^|_)(user|person|people|account|owner|actor|inviter|member|subject)(_id|_user|$)' or a.attname ~ '_by$'
       or exists (select from pg_constraint f where f.conrelid = c.oid and f.contype = 'f' and a.attnum = any (f.conkey)
         and f.confrelid = 'users'::regclass))`;

/** Columns whose name says that they tell something of somebody. */
const TELLING = `
  select c.relname || '.' || a.attname as place from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
   where c.relkind in ('r', 'p') and not c.relispartition and c.relnamespace = 'public'::regnamespace
     and a.attname ~ '(^|_)(email|phone|username|first_name|last_name|given_name|family_name|birthdate|picture|ip|agent|address|locale|timezone)($|_canonical|_key)'`;

/** Named after a program, not after a person: whose generation of a chain it was. */
const OTHERS = ['oidc_refresh_chain.rotated_by'];

const placesOf = async (text: string) =>
  (await pool().raw<{ rows: { place: string }[] }>(text)).rows.map(({ place }) => place).sort();

describe('what is known of a person', () => {
  it('stands in no column that an erasure does not know', async () => {
    expect(await placesOf(NAMING)).to.deep.equal([...COLUMNS_OF_PERSONS, ...OTHERS].sort());
  });

  it('is told by no column but of rows that go, or that are emptied', async () => {
    const going = new Set(COLUMNS_OF_PERSONS.map((place) => place.split('.')[0]!));
    const emptied = (await placesOf(TELLING)).filter((place) => !going.has(place.split('.')[0]!));
    expect(emptied).to.deep.equal([
      ...['users.email', 'users.email_canonical', 'users.first_name', 'users.last_name', 'users.last_name_key'],
      ...['users.locale', 'users.phone', 'users.timezone', 'users.username', 'users.username_canonical'],
    ]);
  });
});
