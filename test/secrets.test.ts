import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { InvalidInputError, StartupError, StorageUnavailableError } from '../src/domain/errors.ts';
import { createLogger } from '../src/logger.ts';
import { createSealer } from '../src/secrets.ts';

const LOCATION = { table: 'provider_keys', row: '1', column: 'sealed_key' };
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
    const sealed = sealer.seal('provider-key', LOCATION, text);
    expect(sealed).toMatch(/^v1\.[0-9a-f]{8}\.[\w-]+$/);
    expect(sealer.unseal('provider-key', LOCATION, sealed)).toBe(text);
    expect(openSealer({ secretKeys: [key] }).unseal('provider-key', LOCATION, sealed)).toBe(text);
  });

  it('differs each time, and contains neither the text nor the key', () => {
    const sealedTexts = Array.from({ length: 100 }, () => sealer.seal('provider-key', LOCATION, 'sk-secret'));
    expect(new Set(sealedTexts).size).toBe(100);
    for (const sealed of sealedTexts) {
      const bytes = Buffer.from(sealed.split('.')[2] ?? '', 'base64url');
      expect(bytes.includes('sk-secret')).toBe(false);
      expect(bytes.includes(key.subarray(0, 4))).toBe(false);
      expect(sealed).not.toContain(key.toString('hex', 0, 4));
    }
  });

  it('can be unsealed only for its own row and column', () => {
    const sealed = sealer.seal('provider-key', LOCATION, 'sk-secret');
    for (const other of [{ table: 'a' }, { row: '2' }, { column: 'a' }, { table: 'provider_keys","1', row: '' }]) {
      expect(sealer.unseal('provider-key', { ...LOCATION, ...other }, sealed)).toBeUndefined();
    }
    expect(sealer.unseal('webhook' as 'provider-key', LOCATION, sealed)).toBeUndefined();
  });

  it('cannot be unsealed if altered, truncated or made up', () => {
    const sealed = sealer.seal('provider-key', LOCATION, 'sk-secret');
    const [version = '', name = '', content = ''] = sealed.split('.');
    const bytes = Buffer.from(content, 'base64url');
    for (let at = 0; at < bytes.length; at++) {
      const altered = Buffer.from(bytes);
      altered[at] = (altered[at] ?? 0) ^ 1;
      const forged = `${version}.${name}.${altered.toString('base64url')}`;
      expect(sealer.unseal('provider-key', LOCATION, forged)).toBeUndefined();
      const cut = `${version}.${name}.${bytes.subarray(0, at).toString('base64url')}`;
      expect(sealer.unseal('provider-key', LOCATION, cut)).toBeUndefined();
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
      expect(sealer.unseal('provider-key', LOCATION, forged)).toBeUndefined();
    }
  });

  it('is readable with the previous key during a rotation, and reported as outdated', () => {
    const [earlier, newer] = [randomBytes(32), randomBytes(32)];
    const sealed = openSealer({ secretKeys: [earlier] }).seal('provider-key', LOCATION, 'sk-secret');
    const sealerWithBothKeys = openSealer({ secretKeys: [newer, earlier] });
    expect(sealerWithBothKeys.unseal('provider-key', LOCATION, sealed)).toBe('sk-secret');
    expect(sealerWithBothKeys.isOutdated(sealed)).toBe(true);
    const resealed = sealerWithBothKeys.seal('provider-key', LOCATION, 'sk-secret');
    expect(sealerWithBothKeys.isOutdated(resealed)).toBe(false);
    const newKeyOnly = openSealer({ secretKeys: [newer] });
    expect(newKeyOnly.unseal('provider-key', LOCATION, resealed)).toBe('sk-secret');
    expect(newKeyOnly.unseal('provider-key', LOCATION, sealed)).toBeUndefined();
  });
});

describe('without SECRET_KEY', () => {
  it('on Postgres, nothing can be sealed or unsealed', () => {
    const { seal, unseal, isOutdated } = openSealer({});
    expect(() => seal('provider-key', LOCATION, 'sk-secret')).toThrow(InvalidInputError);
    expect(() => seal('provider-key', LOCATION, 'sk-secret')).toThrow('SECRET_KEY is not set.');
    expect(unseal('provider-key', LOCATION, 'v1.00000000.AAAA')).toBeUndefined();
    expect(isOutdated('v1.00000000.AAAA')).toBe(false);
  });

  it('on SQLite, a key file that only its owner can read is created at the first use and then reused', async () => {
    const { databaseUrl, folder, path } = await createFolder();
    const sealer = openSealer({ databaseUrl });
    expect(await readdir(folder)).toEqual([]);
    const sealed = sealer.seal('provider-key', LOCATION, 'sk-secret');
    expect(await readdir(folder)).toEqual(['secret.key']);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const text = await readFile(path, 'utf8');
    expect(text).toMatch(/^[0-9a-f]{64}\n$/);
    expect(sealer.logs.join()).not.toContain(text.trim());
    const next = openSealer({ databaseUrl });
    expect(next.unseal('provider-key', LOCATION, sealed)).toBe('sk-secret');
    expect(next.logs).toEqual([]);
    const sealerWithKeySetting = openSealer({ secretKeys: [Buffer.from(text.trim(), 'hex')] });
    expect(sealerWithKeySetting.unseal('provider-key', LOCATION, sealed)).toBe('sk-secret');
  });

  it('two processes that create the key concurrently use the same key', async () => {
    const { databaseUrl, folder } = await createFolder();
    const [first, second] = [openSealer({ databaseUrl }), openSealer({ databaseUrl })];
    const sealed = first.seal('provider-key', LOCATION, 'one');
    expect(second.unseal('provider-key', LOCATION, second.seal('provider-key', LOCATION, 'two'))).toBe('two');
    expect(second.unseal('provider-key', LOCATION, sealed)).toBe('one');
    expect(await readdir(folder)).toEqual(['secret.key']);
  });

  it.each(['', '\n', 'secret', 'a'.repeat(63), 'a'.repeat(65), `${'a'.repeat(63)}g`])(
    'a key file without a valid key prevents the start: %j',
    async (content) => {
      const { databaseUrl, path } = await createFolder();
      await writeFile(path, content, { mode: 0o600 });
      expect(() => openSealer({ databaseUrl })).toThrow(StartupError);
      expect(() => openSealer({ databaseUrl })).toThrow(/secret\.key contains no valid key: .* backup/);
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
    expect(seal('provider-key', LOCATION, 'sk-secret')).toMatch(/^v1\./);
  });

  it('a disk that fails to store the key is reported as unavailable storage', async () => {
    const { databaseUrl, folder } = await createFolder();
    const sealer = openSealer({ databaseUrl });
    await rm(folder, { recursive: true });
    expect(() => sealer.seal('provider-key', LOCATION, 'sk-secret')).toThrow(StorageUnavailableError);
  });
});
