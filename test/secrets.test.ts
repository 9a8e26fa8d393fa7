import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { InvalidInputError, StartupError, StorageUnavailableError } from '../src/domain/errors.ts';
import { createLogger } from '../src/logger.ts';
import { createSealer } from '../src/secrets.ts';

const PLACE = { table: 'provider_keys', row: '1', column: 'sealed_key' };
const POSTGRES = 'postgres://me@db.example/chat';

function openSealer(settings: { secretKeys?: Buffer[]; databaseUrl?: string }) {
  const logs: string[] = [];
  const logger = createLogger('debug', { write: (line) => void logs.push(line) });
  return { logs, ...createSealer({ secretKeys: [], databaseUrl: POSTGRES, ...settings }, logger) };
}

async function createFolder() {
  const folder = await mkdtemp(join(tmpdir(), 'chatgraph-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return { folder, path: join(folder, 'secret.key'), databaseUrl: `sqlite:${join(folder, 'chatgraph.db')}` };
}

describe('a sealed text', () => {
  const key = randomBytes(32);
  const sealer = openSealer({ secretKeys: [key] });

  it.each(['s', 'sk-secret', 'wörd 👍', '', 'x'.repeat(10_000)])('unseals to the original text: %#', (text) => {
    const sealed = sealer.seal('provider-key', PLACE, text);
    expect(sealed).toMatch(/^v1\.[0-9a-f]{8}\.[\w-]+$/);
    expect(sealer.unseal('provider-key', PLACE, sealed)).toBe(text);
    expect(openSealer({ secretKeys: [key] }).unseal('provider-key', PLACE, sealed)).toBe(text);
  });

  it('differs each time, and contains neither the text nor the key', () => {
    const sealed = Array.from({ length: 100 }, () => sealer.seal('provider-key', PLACE, 'sk-secret'));
    expect(new Set(sealed).size).toBe(100);
    for (const each of sealed) {
      const bytes = Buffer.from(each.split('.')[2] ?? '', 'base64url');
      expect(bytes.includes('sk-secret')).toBe(false);
      expect(bytes.includes(key.subarray(0, 4))).toBe(false);
      expect(each).not.toContain(key.toString('hex', 0, 4));
    }
  });

  it('can be unsealed only for its own row and column', () => {
    const sealed = sealer.seal('provider-key', PLACE, 'sk-secret');
    for (const other of [{ table: 'a' }, { row: '2' }, { column: 'a' }, { table: 'provider_keys","1', row: '' }]) {
      expect(sealer.unseal('provider-key', { ...PLACE, ...other }, sealed)).toBeUndefined();
    }
    expect(sealer.unseal('webhook' as 'provider-key', PLACE, sealed)).toBeUndefined();
  });

  it('cannot be unsealed if altered, truncated or made up', () => {
    const sealed = sealer.seal('provider-key', PLACE, 'sk-secret');
    const [version = '', name = '', content = ''] = sealed.split('.');
    const bytes = Buffer.from(content, 'base64url');
    for (let at = 0; at < bytes.length; at++) {
      const altered = Buffer.from(bytes);
      altered[at] = (altered[at] ?? 0) ^ 1;
      const forged = `${version}.${name}.${altered.toString('base64url')}`;
      expect(sealer.unseal('provider-key', PLACE, forged)).toBeUndefined();
      const cut = `${version}.${name}.${bytes.subarray(0, at).toString('base64url')}`;
      expect(sealer.unseal('provider-key', PLACE, cut)).toBeUndefined();
    }
    for (const forged of [
      '',
      '.',
      '..',
      'sk-secret',
      `v2.${name}.${content}`,
      `v1.00000000.${content}`,
      `v1.${name}.`,
    ]) {
      expect(sealer.unseal('provider-key', PLACE, forged)).toBeUndefined();
    }
  });

  it('is readable with the previous key during a rotation, and reported as outdated', () => {
    const [earlier, newer] = [randomBytes(32), randomBytes(32)];
    const sealed = openSealer({ secretKeys: [earlier] }).seal('provider-key', PLACE, 'sk-secret');
    const both = openSealer({ secretKeys: [newer, earlier] });
    expect(both.unseal('provider-key', PLACE, sealed)).toBe('sk-secret');
    expect(both.isOutdated(sealed)).toBe(true);
    const anew = both.seal('provider-key', PLACE, 'sk-secret');
    expect(both.isOutdated(anew)).toBe(false);
    const alone = openSealer({ secretKeys: [newer] });
    expect(alone.unseal('provider-key', PLACE, anew)).toBe('sk-secret');
    expect(alone.unseal('provider-key', PLACE, sealed)).toBeUndefined();
  });
});

describe('without SECRET_KEY', () => {
  it('Postgres seals and unseals nothing', () => {
    const { seal, unseal, isOutdated } = openSealer({});
    expect(() => seal('provider-key', PLACE, 'sk-secret')).toThrow(InvalidInputError);
    expect(() => seal('provider-key', PLACE, 'sk-secret')).toThrow('SECRET_KEY is not set.');
    expect(unseal('provider-key', PLACE, 'v1.00000000.AAAA')).toBeUndefined();
    expect(isOutdated('v1.00000000.AAAA')).toBe(false);
  });

  it('SQLite creates a key beside the file on first use, for its owner only, and uses it from then on', async () => {
    const { databaseUrl, folder, path } = await createFolder();
    const sealer = openSealer({ databaseUrl });
    expect(await readdir(folder)).toEqual([]);
    const sealed = sealer.seal('provider-key', PLACE, 'sk-secret');
    expect(await readdir(folder)).toEqual(['secret.key']);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const text = await readFile(path, 'utf8');
    expect(text).toMatch(/^[0-9a-f]{64}\n$/);
    expect(sealer.logs.join()).not.toContain(text.trim());
    const next = openSealer({ databaseUrl });
    expect(next.unseal('provider-key', PLACE, sealed)).toBe('sk-secret');
    expect(next.logs).toEqual([]);
    const moved = openSealer({ secretKeys: [Buffer.from(text.trim(), 'hex')] });
    expect(moved.unseal('provider-key', PLACE, sealed)).toBe('sk-secret');
  });

  it('two processes that create the key concurrently get the same one', async () => {
    const { databaseUrl, folder } = await createFolder();
    const [one, other] = [openSealer({ databaseUrl }), openSealer({ databaseUrl })];
    const sealed = one.seal('provider-key', PLACE, 'one');
    expect(other.unseal('provider-key', PLACE, other.seal('provider-key', PLACE, 'other'))).toBe('other');
    expect(other.unseal('provider-key', PLACE, sealed)).toBe('one');
    expect(await readdir(folder)).toEqual(['secret.key']);
  });

  it.each(['', '\n', 'secret', 'a'.repeat(63), 'a'.repeat(65), `${'a'.repeat(63)}g`])(
    'a key file without a valid key prevents the start: %j',
    async (content) => {
      const { databaseUrl, path } = await createFolder();
      await writeFile(path, content, { mode: 0o600 });
      expect(() => openSealer({ databaseUrl })).toThrow(StartupError);
      expect(() => openSealer({ databaseUrl })).toThrow(/secret\.key holds no key: .* backup/);
      expect(await readFile(path, 'utf8')).toBe(content);
    },
  );

  it('a key that other users can read is used, with a warning', async () => {
    const { databaseUrl, path } = await createFolder();
    await writeFile(path, 'a'.repeat(64));
    await chmod(path, 0o644);
    const { logs, seal } = openSealer({ databaseUrl });
    expect(logs.join()).toContain('other users can read the secret key file');
    expect(logs.join()).not.toContain('aaaa');
    expect(seal('provider-key', PLACE, 'sk-secret')).toMatch(/^v1\./);
  });

  it('a disk that fails to store the key is reported as such', async () => {
    const { databaseUrl, folder } = await createFolder();
    const sealer = openSealer({ databaseUrl });
    await rm(folder, { recursive: true });
    expect(() => sealer.seal('provider-key', PLACE, 'sk-secret')).toThrow(StorageUnavailableError);
  });
});
