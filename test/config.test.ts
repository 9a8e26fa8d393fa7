import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../src/config.ts';
import { StartupError } from '../src/domain/errors.ts';
import { SETTINGS } from '../src/settings.ts';

const names = Object.keys(SETTINGS.shape);

describe('readConfig', () => {
  it('has a default for everything', () => {
    expect(readConfig({})).toMatchObject({
      port: 4000,
      host: '127.0.0.1',
      rateLimitPerMinute: 60,
      isProduction: false,
    });
  });

  it('treats an empty variable as absent', () => {
    expect(readConfig({ PORT: '', METRICS_TOKEN: '' })).toEqual(readConfig({}));
  });

  it('names every setting that has an invalid value in one error', () => {
    const bad = {
      PORT: 'http',
      RATE_LIMIT_PER_MINUTE: '0',
      GRAPHIQL: 'yes',
      ALLOWED_ORIGINS: 'example.com',
      TRUSTED_PROXIES: 'nobody',
      DATABASE_URL: 'mysql://x',
      REDIS_URL: 'http://localhost',
      REDIS_PREFIX: 'a b',
      BOOTSTRAP_API_KEY: 'ic_short',
    };
    const read = () => readConfig(bad);
    expect(read).toThrow(StartupError);
    for (const name of Object.keys(bad)) expect(read).toThrow(name);
  });

  it('names every problem of the issuers, with its place in the file', async () => {
    const file = join(await mkdtemp(join(tmpdir(), 'issuers-')), 'issuers.json');
    const read = (env = {}) => readConfig({ OIDC_ISSUERS_FILE: file, ...env });
    expect(read).toThrow('OIDC_ISSUERS_FILE: cannot be read');
    await writeFile(file, '{');
    expect(read).toThrow('OIDC_ISSUERS_FILE: must be a file with JSON');
    const valid = { issuer: 'https://a.example', audience: 'x', accounts: 'Shop' };
    const roles = { agent: ['WRITE'] };
    const issuers = [{ issuer: 'ftp://a', audience: [], accounts: ['A', 'B'] }, { ...valid, roles, audiance: 'x' }, 7];
    await writeFile(file, JSON.stringify(issuers));
    for (const path of ['0.issuer', '0.audience', '0.claims.account', '1.roles.agent.0', '1: Unrecognized', '2: ']) {
      expect(() => read({ PORT: 'x', OIDC_ISSUER: 'https://b.example' })).toThrow(`OIDC_ISSUERS_FILE.${path}`);
    }
    expect(() => read({ PORT: 'x', OIDC_ISSUER: 'https://b.example' })).toThrow(
      /PORT: [\s\S]*OIDC_ISSUER: must be set together/,
    );
    await writeFile(file, JSON.stringify([valid, valid]));
    expect(read).toThrow('OIDC_ISSUERS_FILE: names an issuer twice');
    await writeFile(file, JSON.stringify([valid]));
    const single = { OIDC_ISSUER: valid.issuer, OIDC_AUDIENCE: 'x', OIDC_ACCOUNT: 'Shop' };
    expect(() => read(single)).toThrow('OIDC_ISSUER: must not be in OIDC_ISSUERS_FILE too');
    expect(readConfig(single).oidcIssuers).toEqual(read().oidcIssuers);
  });

  it('puts the database into the data folder by default', () => {
    expect(readConfig({ DATA_DIR: '/srv/chat' }).databaseUrl).toBe('sqlite:/srv/chat/chatgraph.db');
  });

  it.each(['sqlite:/x.db', 'postgres://me@db.example/chat', 'postgresql://me@db.example/chat?sslmode=require'])(
    'accepts %s as the database',
    (url) => expect(readConfig({ DATABASE_URL: url }).databaseUrl).toBe(url),
  );
});

describe('WEBHOOK_RETRY_SCHEDULE', () => {
  it('takes 1 to 20 numbers', () => {
    expect(readConfig({ WEBHOOK_RETRY_SCHEDULE: '0' }).webhookRetryDelaysMs).toEqual([0]);
    expect(readConfig({ WEBHOOK_RETRY_SCHEDULE: Array(20).fill('1').join() }).webhookRetryDelaysMs).toHaveLength(20);
  });

  it.each([Array(21).fill('1').join(), '60;300', '1000000', '60,', '1.5'])('says so when it is %s', (schedule) => {
    expect(() => readConfig({ WEBHOOK_RETRY_SCHEDULE: schedule })).toThrow(
      'WEBHOOK_RETRY_SCHEDULE: must be 1 to 20 whole numbers of seconds',
    );
  });
});

describe('REDIS_URL', () => {
  it.each([
    'redis://127.0.0.1',
    'redis://localhost:6380/3',
    'rediss://:secret@redis.example:6379',
    'redis://user:p%40ss@[::1]:6379/0',
  ])('may be %s', (url) => {
    expect(readConfig({ REDIS_URL: url }).redis).toEqual({ url, prefix: 'chatgraph:', rateLimitTimeoutMs: 50 });
  });

  it.each(['127.0.0.1:6379', 'redis://', 'redis:///1', 'redis://host/name', 'https://host'])('may not be %s', (url) => {
    expect(() => readConfig({ REDIS_URL: url })).toThrow('REDIS_URL');
  });

  it('is optional, because a single process needs no Redis', () => {
    expect(readConfig({}).redis).toBeUndefined();
  });
});

describe('the settings of proxies', () => {
  const origins = (env: Record<string, string>) => {
    const { http, https } = readConfig(env).proxies;
    return [http?.origin, https?.origin];
  };
  const [one, two] = ['http://one.example:3128', 'http://two.example:3128'];

  it('may have upper or lower case; lower case takes precedence', () => {
    expect(origins({})).toEqual([undefined, undefined]);
    expect(origins({ HTTP_PROXY: one, https_proxy: two })).toEqual([one, two]);
    expect(origins({ HTTP_PROXY: one, http_proxy: two, HTTPS_PROXY: one, https_proxy: '' })).toEqual([two, one]);
    const direct = (env: Record<string, string>) => readConfig(env).proxies.isDirect?.(new URL('http://a.test/'));
    expect([direct({ NO_PROXY: 'a.test' }), direct({ no_proxy: 'b.test', NO_PROXY: 'a.test' })]).toEqual([true, false]);
  });

  it('are refused by the name that was set, without the password', () => {
    const env = {
      http_proxy: 'socks5://me:hunter2@one.example',
      HTTPS_PROXY: 'http://me:hunter2/x@one.example',
      no_proxy: '192.168.*',
      PROXY_RESOLVES_NAMES: 'yes',
    };
    const read = () => readConfig(env);
    for (const name of Object.keys(env)) expect(read).toThrow(`\n  ${name}: must be `);
    expect(read).not.toThrow('hunter2');
  });
});

describe('the documentation of the settings', () => {
  it('has a row for each setting in docs/configuration.md, with its default', async () => {
    const page = await readFile(new URL('../docs/configuration.md', import.meta.url), 'utf8');
    const rows = new Map([...page.matchAll(/^\| `([A-Z_]+)` \| (?:`([^`]*)`)? ?\|/gm)].map((row) => [row[1], row[2]]));
    expect([...rows.keys()].sort()).toEqual([...names].sort());
    const defaults = SETTINGS.parse({}) as Record<string, unknown>;
    for (const name of names) {
      if (name === 'DATABASE_URL') continue;
      const value = defaults[name];
      expect(rows.get(name), name).toBe(
        value === undefined || (Array.isArray(value) && value.length === 0) ? undefined : String(value),
      );
    }
  });

  it('names each setting in .env.example', async () => {
    const example = await readFile(new URL('../.env.example', import.meta.url), 'utf8');
    expect([...example.matchAll(/^(?:# )?([A-Z_]+)=/gm)].map((line) => line[1]).sort()).toEqual([...names].sort());
  });
});

describe('package-lock.json', () => {
  it("does not require better-sqlite3 to be compiled, and names only npm's registry", async () => {
    const text = await readFile(new URL('../package-lock.json', import.meta.url), 'utf8');
    expect(JSON.parse(text).packages['node_modules/better-sqlite3'].gypfile).toBe(false);
    expect(text).not.toMatch(/"resolved": "(?!https:\/\/registry\.npmjs\.org\/)/);
  });
});
