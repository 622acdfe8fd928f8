import pg from 'pg';

/**
 * Every row of every table of a database, as its superuser sees it: what `pg_dump` would write, without needing the
 * program, which the packaged PostgreSQL does not bring. Rows are JSON, and bytes stand in them as `\x` and hexadecimal.
 */
export async function dumpOf(superuserUrl: string): Promise<string[]> {
  const client = new pg.Client(superuserUrl);
  await client.connect();
  try {
    const { rows: tables } = await client.query<{ name: string }>(
      `select format('%I.%I', schemaname, tablename) as name from pg_tables
       where schemaname not in ('pg_catalog', 'information_schema') order by 1`,
    );
    const rows: string[] = [];
    for (const { name } of tables) {
      const found = await client.query<{ row: string }>(`select row_to_json(t)::text as row from ${name} t`);
      rows.push(...found.rows.map(({ row }) => row));
    }
    return rows;
  } finally {
    await client.end();
  }
}

/** Every string in a dump: values at any depth, and the names of JSON members, which can be values too. */
export function stringsIn(dump: readonly string[]): Set<string> {
  const found = new Set<string>();
  const visit = (value: unknown): void => {
    if (typeof value === 'string') found.add(value);
    else if (typeof value === 'number') found.add(String(value));
    else if (value && typeof value === 'object') {
      for (const [name, inner] of Object.entries(value)) {
        if (!Array.isArray(value)) found.add(name);
        visit(inner);
      }
    }
  };
  for (const row of dump) visit(JSON.parse(row));
  return found;
}

/** What a thief would make of a string: itself, its pieces, and what its bytes are in every usual alphabet. */
export function guessesFrom(text: string): string[] {
  const bytes = bytesOf(text);
  const pieces = text.split(/[\s.,;:~|$/]+/);
  const encoded = bytes
    ? [bytes.toString('hex'), bytes.toString('base64'), bytes.toString('base64url'), bytes.toString('latin1')]
    : [];
  return [text, ...pieces, ...encoded];
}

/** The bytes that a text of hexadecimal digits stands for. */
function bytesOf(text: string): Buffer | undefined {
  const hex = /^(?:\\x)?((?:[0-9a-f]{2}){8,})$/i.exec(text)?.[1];
  return hex === undefined ? undefined : Buffer.from(hex, 'hex');
}

/** The forms in which a secret may lie in a dump. */
export function formsOf(secret: string): string[] {
  const forms = new Set<string>();
  for (const bytes of [Buffer.from(secret), Buffer.from(secret, 'base64url')]) {
    for (const encoding of ['hex', 'base64', 'base64url'] as const)
      forms.add(bytes.toString(encoding).replace(/=+$/, ''));
  }
  return [secret, ...forms];
}
