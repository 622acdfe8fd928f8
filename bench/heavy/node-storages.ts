import pg from 'pg';
import type { BenchServer } from '../database.ts';
import { median, rounded, table } from '../numbers.ts';

export type Timed = { rows: number; ms: number };
export type StorageFigures = { storage: string; mb: number; large: Timed; small: Timed; ancestors: Timed; move: Timed };

type Storage = {
  name: string;
  tables: readonly string[];
  /** Makes it from the table `parent`, in which each node knows its parent. */
  make: readonly string[];
  /** `$1` is a node. */
  subtree: string;
  ancestors: string;
  /** `$1` is moved below `$2`. */
  move: readonly string[];
};

const DOWN = `with recursive down as (select id from parent where id = $1
  union all select p.id from down join parent p on p.parent_id = down.id)`;

/** Ways to keep a tree in a table, each with the statements it wants. */
const STORAGES: readonly Storage[] = [
  {
    name: 'parent, and recursive statements',
    tables: ['parent'],
    make: [],
    subtree: `${DOWN} select id from down`,
    ancestors: `with recursive up as (select id, parent_id from parent where id = $1
      union all select p.id, p.parent_id from up join parent p on p.id = up.parent_id) select id from up`,
    // The depth of what is moved is looked at, as a real move must.
    move: [
      `${DOWN} select count(*) from down where $2::uuid is not null`,
      'update parent set parent_id = $2 where id = $1',
    ],
  },
  {
    name: 'path as text, by prefix',
    tables: ['path'],
    make: [
      `create table path as with recursive down as (select id, parent_id, id::text || '/' as path from parent where parent_id is null
        union all select p.id, p.parent_id, down.path || p.id || '/' from down join parent p on p.parent_id = down.id) select * from down`,
      'alter table path add primary key (id)',
      'create index path_path on path (path collate "C")',
    ],
    subtree: `select p.id from path o, path p where o.id = $1 and p.path collate "C" >= o.path collate "C"
      and p.path collate "C" < (o.path || '~') collate "C"`,
    ancestors: `select p.id from path o cross join lateral unnest(string_to_array(rtrim(o.path, '/'), '/')) a(id)
      join path p on p.id = a.id::uuid where o.id = $1`,
    move: [
      `update path p set path = n.path || substr(p.path, length(o.path) - 36), parent_id = case p.id when $1 then $2 else p.parent_id end
        from path o, path n where o.id = $1 and n.id = $2 and p.path collate "C" >= o.path collate "C"
        and p.path collate "C" < (o.path || '~') collate "C"`,
    ],
  },
  {
    name: 'ancestors as an array, by GIN',
    tables: ['ids'],
    make: [
      `create table ids as with recursive down as (select id, parent_id, array[id] as ids from parent where parent_id is null
        union all select p.id, p.parent_id, down.ids || p.id from down join parent p on p.parent_id = down.id) select * from down`,
      'alter table ids add primary key (id)',
      'create index ids_ids on ids using gin (ids)',
    ],
    subtree: 'select id from ids where ids @> array[$1::uuid]',
    ancestors: 'select p.id from ids o cross join unnest(o.ids) a join ids p on p.id = a where o.id = $1',
    move: [
      `update ids p set ids = n.ids || p.ids[cardinality(o.ids):], parent_id = case p.id when $1 then $2 else p.parent_id end
        from ids o, ids n where o.id = $1 and n.id = $2 and p.ids @> array[$1::uuid]`,
    ],
  },
  {
    name: 'closure table',
    tables: ['closed', 'closure'],
    make: [
      'create table closed as select * from parent',
      'alter table closed add primary key (id)',
      `create table closure as with recursive pair as (select id as above, id as below from parent
        union all select pair.above, p.id from pair join parent p on p.parent_id = pair.below) select * from pair`,
      'alter table closure add primary key (above, below)',
      'create index closure_below on closure (below, above)',
    ],
    subtree: 'select c.id from closure join closed c on c.id = below where above = $1',
    ancestors: 'select c.id from closure join closed c on c.id = above where below = $1',
    move: [
      `delete from closure where $2::uuid is not null and below in (select below from closure where above = $1)
        and above in (select above from closure where below = $1 and above <> $1)`,
      `insert into closure select n.above, o.below from closure n cross join closure o where n.below = $2 and o.above = $1`,
      'update closed set parent_id = $2 where id = $1',
    ],
  },
];

export type StorageOptions = { fanOut: readonly number[]; rounds: number };

/** One tree in several ways: what each takes on disk, and how long it takes to look at it and to move a large part. */
export async function compareStorages(
  server: BenchServer,
  { fanOut, rounds }: StorageOptions,
): Promise<StorageFigures[]> {
  const client = new pg.Client(await server.create());
  await client.connect();
  try {
    await client.query('create table parent (id uuid primary key, parent_id uuid, level int not null)');
    await client.query('insert into parent values (gen_random_uuid(), null, 0)');
    for (const [level, many] of fanOut.entries())
      await client.query(
        'insert into parent select gen_random_uuid(), id, $1::int + 1 from parent, generate_series(1, $2::int) where level = $1',
        [level, many],
      );
    await client.query('create index parent_parent on parent (parent_id, id)');
    const at = async (level: number, offset = 0): Promise<string> =>
      (await client.query('select id from parent where level = $1 order by id offset $2 limit 1', [level, offset]))
        .rows[0].id;
    const marks = { large: await at(1), other: await at(1, 1), small: await at(2), leaf: await at(fanOut.length) };
    for (const { make } of STORAGES) for (const text of make) await client.query(text);
    await client.query('vacuum analyze');
    const figures: StorageFigures[] = [];
    for (const storage of STORAGES) figures.push(await measure(client, storage, marks, rounds));
    return figures;
  } finally {
    await client.end();
  }
}

type Marks = { large: string; other: string; small: string; leaf: string };

async function measure(client: pg.Client, storage: Storage, marks: Marks, rounds: number): Promise<StorageFigures> {
  const { rows } = await client.query(
    'select sum(pg_total_relation_size(name::regclass)) as bytes from unnest($1::text[]) name',
    [storage.tables],
  );
  const timed = async (texts: readonly string[], values: readonly string[], times: number): Promise<Timed> => {
    const all: number[] = [];
    let count = 0;
    for (let round = 0; round < times; round++) {
      const began = performance.now();
      for (const text of texts) count = (await client.query(text, [...values])).rowCount ?? 0;
      all.push(performance.now() - began);
    }
    return { rows: count, ms: rounded(median(all), 2) };
  };
  return {
    storage: storage.name,
    mb: Math.round(Number(rows[0].bytes) / 1e6),
    large: await timed([storage.subtree], [marks.large], rounds),
    small: await timed([storage.subtree], [marks.small], rounds),
    ancestors: await timed([storage.ancestors], [marks.leaf], rounds),
    move: await timed(storage.move, [marks.large, marks.other], 1),
  };
}

export function reportStorages(figures: readonly StorageFigures[]): string {
  return table(
    [
      'storage',
      'MB',
      `large part (${figures[0]?.large.rows}), ms`,
      `small part (${figures[0]?.small.rows}), ms`,
      'ancestors, ms',
      'move, ms',
    ],
    figures.map(({ storage, mb, large, small, ancestors, move }) => [
      storage,
      mb,
      large.ms,
      small.ms,
      ancestors.ms,
      move.ms,
    ]),
  );
}
