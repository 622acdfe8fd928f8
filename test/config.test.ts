import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse as parseYaml } from 'yaml';
import { BadConfiguration, loadConfig, SETTING_NAMES } from '../src/config.ts';

const aKey = () => randomBytes(32).toString('base64url');
const NO_FOLDER = join(tmpdir(), 'gatehouse-no-such-folder');

const folders: string[] = [];
process.once('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

/** A folder of settings with one file. */
function aFolder(name: string, content: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-config-'));
  folders.push(folder);
  writeFileSync(join(folder, name), content);
  return folder;
}

/** What is said of settings that are refused; one line a mistake. */
function mistakesIn(environment: Record<string, string>, folder = NO_FOLDER): string[] {
  try {
    loadConfig(environment, folder);
  } catch (error) {
    if (error instanceof BadConfiguration)
      return error.message
        .split('\n')
        .slice(1)
        .map((line) => line.trim());
    throw error;
  }
  return [];
}

const PRODUCTION = {
  NODE_ENV: 'production',
  PUBLIC_URL: 'https://id.example.com',
  DATABASE_URL: 'postgres://gatehouse:secret@db.internal/gatehouse',
  GATEHOUSE_MASTER_KEY: aKey(),
};

describe('the settings', () => {
  it('come from the environment before the file, and from the file before the defaults', () => {
    const folder = aFolder('development.yaml', 'HOST: 0.0.0.0\nLOG_LEVEL: warn\nTRUSTED_PROXIES: [10.0.0.0/8]\n');
    const config = loadConfig({ LOG_LEVEL: 'debug' }, folder);
    expect(config).to.include({ LOG_LEVEL: 'debug', HOST: '0.0.0.0', PORT: 3000 });
    expect(config.TRUSTED_PROXIES).to.deep.equal(['10.0.0.0/8']);
  });

  it('come from the file of the environment that is named, and from no other', () => {
    const folder = aFolder('test.yaml', 'HOST: 192.0.2.1\n');
    expect(loadConfig({ NODE_ENV: 'test' }, folder).HOST).to.equal('192.0.2.1');
    expect(loadConfig({}, folder).HOST).to.equal('127.0.0.1');
  });

  it('an empty variable is one that is not set', () => {
    expect(loadConfig({ PORT: '', ADMIN_PASSWORD: '' }, NO_FOLDER))
      .to.include({ PORT: 3000 })
      .and.not.have.property('ADMIN_PASSWORD');
  });

  it('are frozen, their lists too', () => {
    const config = loadConfig({ TRUSTED_PROXIES: '10.0.0.0/8, fd00::/8' }, NO_FOLDER);
    expect(Object.isFrozen(config)).to.equal(true);
    expect(Object.isFrozen(config.TRUSTED_PROXIES)).to.equal(true);
    expect(config.TRUSTED_PROXIES).to.deep.equal(['10.0.0.0/8', 'fd00::/8']);
  });

  it('the public URL is an origin: a path or a slash at its end is cut off', () => {
    expect(loadConfig({ PUBLIC_URL: 'https://id.example.com/' }, NO_FOLDER).PUBLIC_URL).to.equal(
      'https://id.example.com',
    );
    expect(loadConfig({ PORT: '4711' }, NO_FOLDER).PUBLIC_URL).to.equal('http://localhost:4711');
  });

  it('a fault beyond the end of each number is refused', () => {
    for (const [name, good, bad] of [
      ['PORT', '65535', '65536'],
      ['DATABASE_POOL', '200', '201'],
      ['DATABASE_POOL', '2', '1'],
      ['REFRESH_REUSE_GRACE', '60', '61'],
      ['ARGON2_MEMORY_KIB', '8192', '8191'],
      ['ARGON2_PASSES', '10', '11'],
      ['DEMO_PORT', '0', '-1'],
    ] as const) {
      expect(mistakesIn({ [name]: good })).to.deep.equal([]);
      expect(mistakesIn({ [name]: bad }))
        .to.have.length(1)
        .and.to.match(new RegExp(`^${name}: `));
    }
  });

  it('every mistake is named at once', () => {
    const wrong = {
      NODE_ENV: 'prod',
      PORT: 'http',
      PUBLIC_URL: 'ftp://id.example.com',
      DATABASE_URL: 'mysql://db/gatehouse',
      PLATFORM_SLUG: 'Not A Slug',
      GATEHOUSE_MASTER_KEY: 'short',
      PASSWORD_PEPPER: 'short',
      SMTP_URL: 'https://mail.example.com',
      TRUSTED_PROXIES: '10.0.0.0/8,everyone',
      INTERNAL_ALLOWED_CIDRS: '10.0.0.0/64',
      LOG_LEVEL: 'loud',
      RATE_LIMITS: 'maybe',
    };
    const named = mistakesIn(wrong).map((line) => line.split(':')[0]);
    expect(named.sort()).to.deep.equal(Object.keys(wrong).sort());
  });

  it('a mail server’s URL says nothing that would not be followed', () => {
    for (const url of ['smtp://mail.example.com?tls=maybe', 'smtps://mail.example.com?tls=none', 'smtp://?tls=none'])
      expect(mistakesIn({ SMTP_URL: url })).to.have.length(1);
    expect(mistakesIn({ SMTP_URL: 'smtp://mail.example.com:25?tls=required' })).to.deep.equal([]);
  });

  it('a file may name no setting that does not exist', () => {
    expect(mistakesIn({}, aFolder('development.yaml', 'PROT: 3000\n'))[0]).to.include('PROT');
  });
});

describe('in production', () => {
  it('starts with what it needs at least', () => {
    expect(mistakesIn(PRODUCTION)).to.deep.equal([]);
    expect(loadConfig(PRODUCTION, NO_FOLDER).DEMO).to.equal(false);
  });

  for (const [title, name, change] of [
    ['without a master key', 'GATEHOUSE_MASTER_KEY', { GATEHOUSE_MASTER_KEY: '' }],
    ['with a master key that is not random', 'GATEHOUSE_MASTER_KEY', { GATEHOUSE_MASTER_KEY: 'Bwc'.padEnd(43, 'Bwc') }],
    ['with the master key as its pepper', 'PASSWORD_PEPPER', { PASSWORD_PEPPER: PRODUCTION.GATEHOUSE_MASTER_KEY }],
    ['on the embedded database', 'DATABASE_URL', { DATABASE_URL: '' }],
    ['with the demonstration', 'DEMO', { DEMO: 'true' }],
    ['with debug output', 'DEBUG', { DEBUG: 'oidc-provider:*' }],
    ['with a default password', 'ADMIN_PASSWORD', { ADMIN_PASSWORD: 'changeme-changeme' }],
    ['with a short password', 'ADMIN_PASSWORD', { ADMIN_PASSWORD: 'too short' }],
    ['without a public URL', 'PUBLIC_URL', { PUBLIC_URL: '' }],
    ['on plain http', 'PUBLIC_URL', { PUBLIC_URL: 'http://id.example.com' }],
    [
      'on plain http at a host that only begins like loopback',
      'PUBLIC_URL',
      { PUBLIC_URL: 'http://localhost.example.com' },
    ],
  ] as const) {
    it(`does not start ${title}`, () => {
      const mistakes = mistakesIn({ ...PRODUCTION, ...change });
      expect(mistakes).to.have.length(1);
      expect(mistakes[0]).to.match(new RegExp(`^${name}: `));
    });
  }

  it('names all that is not safe at once', () => {
    const named = mistakesIn({ NODE_ENV: 'production', DEMO: '1', DEBUG: '*' }).map((line) => line.split(':')[0]);
    expect(named).to.have.members(['GATEHOUSE_MASTER_KEY', 'DATABASE_URL', 'PUBLIC_URL', 'DEMO', 'DEBUG']);
  });

  it('allows plain http on loopback, for a try', () => {
    for (const host of ['localhost:3000', '127.0.0.1:3000', '[::1]:3000', 'id.localhost']) {
      expect(mistakesIn({ ...PRODUCTION, PUBLIC_URL: `http://${host}` })).to.deep.equal([]);
    }
  });

  it('no answer repeats a secret that it refuses', () => {
    const secret = 'S3CRET-that-is-no-key';
    const text = mistakesIn({
      ...PRODUCTION,
      GATEHOUSE_MASTER_KEY: secret,
      PASSWORD_PEPPER: secret,
      DATABASE_URL: secret,
    }).join('\n');
    expect(text).to.not.include('S3CRET').and.not.equal('');
  });
});

describe('what is written about the settings', () => {
  const documented = [
    ...readFileSync('docs/configuration.md', 'utf8').matchAll(/^\| `([A-Z_0-9]+)` \| (.*?) \|/gm),
  ].map(([, name, standard]) => [name!, standard!] as const);

  it('docs/configuration.md has a line for each, and for no other', () => {
    expect(documented.map(([name]) => name)).to.have.members([...SETTING_NAMES]);
  });

  it('docs/configuration.md says the default of each', () => {
    const defaults = loadConfig({}, NO_FOLDER) as unknown as Record<string, unknown>;
    const computed = ['PUBLIC_URL', 'DEMO'];
    for (const [name, standard] of documented.filter(([name]) => !computed.includes(name))) {
      const value = defaults[name];
      const said = value === undefined || String(value) === '' ? 'none' : `\`${String(value)}\``;
      expect(standard, name).to.equal(said);
    }
  });

  it('the files in config/ name only settings that exist', () => {
    const names = readdirSync('config').flatMap((file) => {
      const text = readFileSync(`config/${file}`, 'utf8');
      if (file.endsWith('.yaml')) return Object.keys((parseYaml(text) as object) ?? {});
      return file.endsWith('.env') ? [...text.matchAll(/^#? ?([A-Z_0-9]+)=/gm)].map(([, name]) => name!) : [];
    });
    expect(names).to.include.members(['GATEHOUSE_MASTER_KEY', 'LOG_LEVEL']);
    expect(names.filter((name) => !SETTING_NAMES.includes(name))).to.deep.equal([]);
  });
});
