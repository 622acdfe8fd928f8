import type { Knex } from 'knex';

/**
 * All counters of an attempt to sign in, in one statement: the rows are held for one commit instead of three, and always
 * in the order address, place, account, gate, so that attempts never wait for one another in a ring. The clock is the
 * database's: nodes need not agree on theirs. Times in milliseconds; expire is since 1970, as rate_limits has it.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- Adds to a counter that begins anew when its window is over.
    create function count_up(k text, by integer, at bigint, ms bigint, out total integer, out ends bigint)
      language sql as $$
      insert into rate_limits as r (key, points, expire) values (k, by, at + ms)
        on conflict (key) do update
          set points = case when r.expire <= at then excluded.points else r.points + by end,
              expire = case when r.expire <= at then excluded.expire else r.expire end
        returning r.points, r.expire $$;

    -- What was over, if anything: 'address', 'place' or 'account'; and for how long. Null keys are not counted.
    create function count_attempt(
      address text, address_most integer, address_ms bigint,
      place text, place_most integer, place_ms bigint, shut_ms bigint,
      account text, account_most integer, account_ms bigint, gate text,
      out over text, out left_ms bigint
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
        return;
      end if;
      if account is null then return; end if;
      select * into n, ends from count_up(account, 1, at, account_ms);
      if n <= account_most then return; end if;
      -- Then one at a time, with a pause that doubles from two seconds up to the tenant's lock-out.
      select * into n, ends from count_up(gate, 1, at, least(shut_ms, 1000 * (2 ^ least(n - account_most, 20))::bigint));
      left_ms := ends - at;
      if n > 1 then over := 'account'; end if;
    end $$;

    -- Takes an attempt back from counters, or forgets them. One that has run out meanwhile stays as it is: nobody gets
    -- attempts in advance. In the order of count_attempt.
    create function give_back(keys text[], forgets boolean[]) returns void language plpgsql as $$
    begin
      for i in 1 .. coalesce(cardinality(keys), 0) loop
        if forgets[i] then delete from rate_limits where key = keys[i];
        else update rate_limits set points = points - 1 where key = keys[i] and points > 0;
        end if;
      end loop;
    end $$;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop function give_back(text[], boolean[]);
    drop function count_attempt(text, integer, bigint, text, integer, bigint, bigint, text, integer, bigint, text);
    drop function count_up(text, integer, bigint, bigint);
  `);
}
