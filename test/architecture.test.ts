import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';
import { expect } from 'chai';
import { type ContractDeps, createContracts } from '../src/api/contracts.ts';
import { routesOf } from '../src/api/routes.ts';
import { functionsOf } from './support/functions.ts';

const filesBelow = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(folder, file));

const FOLDERS = ['src', 'test', 'migrations', 'bench', 'examples'];
const everywhere = FOLDERS.flatMap(filesBelow);
const sources = everywhere.filter((file) => file.startsWith('src/'));
const read = (file: string) => readFileSync(file, 'utf8');

/** [from, to] for every import of our own, types and `import()` included. */
const imports = everywhere.flatMap((from) =>
  [...read(from).matchAll(/(?:\bfrom|\bimport|\bimport\() ?'(\.[^']+)'/g)].map(
    ([, to]) => [from, normalize(join(dirname(from), to!))] as const,
  ),
);
const inSources = imports.filter(([from]) => from.startsWith('src/'));

/** The folder that decides what a file may see: `kernel`, `domain`, `api`; `src` for the files of src/ itself. */
const floor = (file: string) => (dirname(file) === 'src' ? 'src' : file.split('/')[1]!);
/** The room of the domain, or the contract of the API. */
const room = (file: string) => file.split('/').slice(1, 3).join('/');

const FACE = ['domain', 'http', 'kernel', 'database'];
/** What each floor may import besides itself. The files of src/ itself open what they like: they build the house. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  kernel: [],
  database: ['kernel'],
  http: ['kernel'],
  domain: ['kernel', 'database'],
  jobs: ['kernel', 'database'],
  mail: ['domain', 'http', 'jobs', 'kernel'],
  sms: ['domain', 'http', 'jobs', 'kernel'],
  oidc: FACE,
  api: FACE,
  interactions: [...FACE, 'oidc'],
  account: [...FACE, 'oidc'],
  saml: [...FACE, 'oidc'],
  console: [...FACE, 'oidc'],
  cli: [...FACE, 'oidc', 'api'],
};
/** The command line is a way in, like main.ts: it opens the house, and nothing else of src/ itself. */
const CLI_OPENS = ['src/config.ts', 'src/core.ts', 'src/house.ts', 'src/version.ts'];

describe('who may import whom', () => {
  it('doors open downwards only', () => {
    const upwards = inSources.filter(([from, to]) => {
      if (floor(from) === 'src' || floor(from) === floor(to)) return false;
      if (floor(from) === 'cli' && CLI_OPENS.includes(to)) return false;
      return !MAY_IMPORT[floor(from)]?.includes(floor(to));
    });
    expect(upwards).to.deep.equal([]);
  });

  it('only the start reaches outside of src, for the demonstration', () => {
    const outside = inSources.filter(([, to]) => !to.startsWith('src/'));
    expect(outside).to.deep.equal([['src/main.ts', 'examples/relying-party/relying-party.ts']]);
  });

  it('a store is opened only by its own room', () => {
    const others = inSources.filter(([from, to]) => to.endsWith('-store.ts') && dirname(from) !== dirname(to));
    expect(others).to.deep.equal([]);
  });

  it('in the domain only stores know the database', () => {
    const others = inSources.filter(
      ([from, to]) => floor(from) === 'domain' && floor(to) === 'database' && !from.endsWith('-store.ts'),
    );
    expect(others).to.deep.equal([]);
  });

  it('one contract does not know another', () => {
    const known = inSources.filter(
      ([from, to]) =>
        floor(from) === 'api' &&
        floor(to) === 'api' &&
        room(from) !== room(to) &&
        dirname(from) !== 'src/api' &&
        dirname(to) !== 'src/api',
    );
    expect(known).to.deep.equal([]);
  });

  it('the domain knows neither HTTP, nor zod, nor the core', () => {
    const packages = /from '(koa|@koa\/|koa-|zod|oidc-provider|ejs|node:http)/;
    expect(sources.filter((file) => floor(file) === 'domain' && packages.test(read(file)))).to.deep.equal([]);
  });

  it('no file imports itself by a detour', () => {
    const next = Map.groupBy(inSources, ([from]) => from);
    const reaches = (from: string, goal: string, seen = new Set<string>()): boolean =>
      (next.get(from) ?? []).some(([, to]) => to === goal || (!seen.has(to) && reaches(to, goal, seen.add(to))));
    expect(sources.filter((file) => reaches(file, file))).to.deep.equal([]);
  });

  it('nothing depends on a folder beside the project', () => {
    const up = everywhere.filter((file) => /['"`](\.\.\/)+(shared|\.library)\b|\/work\/(shared|\.)/.test(read(file)));
    expect(up.filter((file) => file !== 'test/architecture.test.ts')).to.deep.equal([]);
  });
});

describe('what stands where', () => {
  it('SQL is written only in stores, in the plumbing and in migrations', () => {
    const sql = /\b(db|knex|trx)(<[^(]*>)?\('|\.raw\(|['"`]\s*(select |insert into |update \w+ set |delete from )/;
    const mayHave = (file: string) =>
      file.endsWith('-store.ts') || floor(file) === 'database' || file === 'src/kernel/call.ts';
    expect(sources.filter((file) => !mayHave(file) && sql.test(read(file)))).to.deep.equal([]);
  });

  it('only config.ts reads the environment', () => {
    const readers = sources.filter((file) => file !== 'src/config.ts' && read(file).includes('process.env'));
    expect(readers).to.deep.equal([]);
  });

  it('secrets are compared by equalSecrets, which takes the same time wherever they differ (KY13)', () => {
    const named = String.raw`[\w.?![\]()]*(?:[sS]ecret|[tT]oken|[hH]ash|[sS]ignature|[mM]ac|[dD]igest|[cC]srf)(?:['\])!]|_\w+)*`;
    const compared = new RegExp(
      `(?:^|[^\\w.])(?:${named} [!=]==? (?!undefined|null|''|true|false|\\d|'\\w+')|[\\w.]+ [!=]==? ${named}(?![\\w.(]))`,
    );
    const found = sources.flatMap((file) =>
      read(file)
        .split('\n')
        .filter((line) => compared.test(line) && !/typeof|\.(length|kind|type|name) [!=]==/.test(line))
        .map((line) => `${file}: ${line.trim()}`),
    );
    expect(found).to.deep.equal([]);
  });

  it('a documented path is one literal, and searching for it finds its operations and nothing else', () => {
    const routes: string[] = routesOf(createContracts({} as ContractDeps)).map(({ operation }) => operation.path);
    const text = sources.map(read).join('\n');
    const literals = [...text.matchAll(/\bpath: '(\/[^']*\/[^']*)',\n/g)].map(([, path]) => path!);
    expect(routes).to.include('/api/v1/auth/login');
    expect(literals.filter((path) => routes.includes(path)).sort()).to.deep.equal([...routes].sort());
  });

  it('has no barrels, no default exports and no names that say nothing', () => {
    const nameless = /^(index|utils?|helpers?|common|misc|types|shared|base)\.ts$|-(utils?|helpers?|manager)\.ts$/;
    expect(everywhere.filter((file) => nameless.test(basename(file)))).to.deep.equal([]);
    expect(everywhere.filter((file) => /^export (default|\*)/m.test(read(file)))).to.deep.equal([]);
  });
});

describe('the tests', () => {
  it('begin nothing outside of a suite: what a root hook begins runs beside every other test', () => {
    const hooks = /^(before|after|beforeEach|afterEach)\(/m;
    expect(everywhere.filter((file) => file.endsWith('.test.ts') && hooks.test(read(file)))).to.deep.equal([]);
  });
});

describe('the size of things', () => {
  it('no file is longer than 300 lines', () => {
    const long = everywhere
      .map((file) => [file, read(file).split('\n').length - 1] as const)
      .filter(([, lines]) => lines > 300);
    expect(long).to.deep.equal([]);
  });

  // A factory, and a suite of tests, is a frame: what counts is its own lines, without the functions that stand in it.
  it('no function has more than 60 lines of its own', function () {
    this.timeout(60_000);
    const long = functionsOf(everywhere.filter((file) => !file.startsWith('migrations/'))).filter(
      ({ lines }) => lines > 60,
    );
    expect(long).to.deep.equal([]);
  });
});
