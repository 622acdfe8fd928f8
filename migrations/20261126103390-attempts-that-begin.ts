import type { Knex } from 'knex';

/**
 * Tells of an attempt, besides whether it is held, whether it is the first of those that are: its owner hears of it then.
 * After 20261126103300, whose function it replaces.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`${DROP} ${countAttempt(true)}`);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`${DROP} ${countAttempt(false)}`);
}

const DROP =
  'drop function count_attempt(text, integer, bigint, text, integer, bigint, bigint, text, integer, bigint, text);';

function countAttempt(tells: boolean): string {
  const begins = (condition: string) => (tells ? `begins := ${condition};` : '');
  return `
    create function count_attempt(
      address text, address_most integer, address_ms bigint,
      place text, place_most integer, place_ms bigint, shut_ms bigint,
      account text, account_most integer, account_ms bigint, gate text,
      out over text, out left_ms bigint ${tells ? ', out begins boolean' : ''}
    ) language plpgsql as $$
    declare at bigint := floor(extract(epoch from clock_timestamp()) * 1000); n integer; ends bigint;
    begin
      if address is not null then
        select * into n, ends from count_up(address, 1, at, address_ms);
        left_ms := ends - at;
        if n > address_most then over := 'address'; return; end if;
      end if;
      if place is null then return; end if;
      select * into n, ends from count_up(place, 1, at, place_ms);
      left_ms := ends - at;
      if n > place_most then
        -- The first guess too many shuts the place for its time, which later ones do not make longer.
        if n = place_most + 1 then
          update rate_limits set expire = at + shut_ms where key = place;
          left_ms := shut_ms;
        end if;
        over := 'place';
        ${begins('n = place_most + 1')}
        return;
      end if;
      if account is null then return; end if;
      select * into n, ends from count_up(account, 1, at, account_ms);
      if n <= account_most then return; end if;
      -- Then one at a time, with a pause that doubles from two seconds up to the tenant's lock-out.
      select * into n, ends from count_up(gate, 1, at, least(shut_ms, 1000 * (2 ^ least(n - account_most, 20))::bigint));
      left_ms := ends - at;
      if n > 1 then over := 'account'; end if;
      ${begins('n = 2')}
    end $$;
  `;
}
