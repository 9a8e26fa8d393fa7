import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Logger } from 'pino';
import type { Config } from './config.ts';
import { InvalidInputError, StartupError, StorageUnavailableError } from './domain/errors.ts';

/** The purpose of a secret; each purpose has its own keys. */
export type SecretPurpose = 'provider-key' | 'webhook';

/** The one place where a sealed text can be unsealed: copied elsewhere, it cannot. */
export interface SecretPlace {
  readonly table: string;
  readonly row: string;
  readonly column: string;
}

/** Seals secrets, so that the database alone does not reveal them. */
export interface Sealer {
  /**
   * Seals a text for a place, differently each time.
   * @throws InvalidInputError without a key, on Postgres without `SECRET_KEY`; StorageUnavailableError when the key
   * file cannot be created because the disk fails.
   */
  seal(purpose: SecretPurpose, place: SecretPlace, text: string): string;
  /** Unseals a text; undefined if it was sealed with an unknown key or for another place, or was altered. */
  unseal(purpose: SecretPurpose, place: SecretPlace, sealed: string): string | undefined;
  /** Whether a text was sealed with another key than the newest. */
  isOutdated(sealed: string): boolean;
  /**
   * Derives the keys of cursor signatures: the first signs, each verifies. Empty on Postgres without `SECRET_KEY`.
   * @throws StorageUnavailableError when the key file cannot be created because the disk fails.
   */
  deriveCursorKeys(): readonly Buffer[];
}

const VERSION = 'v1';
const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const TAG = { authTagLength: TAG_BYTES };

/**
 * Creates the sealer: AES-256-GCM with a key for each purpose, derived by HKDF-SHA256 from the keys of the settings;
 * the first seals, all unseal. Without keys, and with a file as the database, the key is in `secret.key` beside it,
 * created on first use.
 * @throws StartupError when that file exists without a valid key.
 */
export function createSealer(
  { secretKeys, databaseUrl }: Pick<Config, 'secretKeys' | 'databaseUrl'>,
  logger: Logger,
): Sealer {
  const isFile = secretKeys.length === 0 && databaseUrl.startsWith('sqlite:');
  const path = join(dirname(databaseUrl.slice('sqlite:'.length)), 'secret.key');
  let keys = isFile ? [readKeyFile(path, logger)].filter((key) => key !== undefined) : secretKeys;

  function getKeys(): readonly Buffer[] {
    if (keys.length === 0 && isFile) keys = [makeKeyFile(path, logger)];
    return keys;
  }

  function getNewest(): Buffer {
    const [newest] = getKeys();
    if (newest === undefined) throw new InvalidInputError([{ path: [], message: 'SECRET_KEY is not set.' }]);
    return newest;
  }

  return {
    seal(purpose, place, text) {
      const key = getNewest();
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(CIPHER, derive(key, purpose), nonce, TAG).setAAD(bind(place));
      const bytes = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
      return [VERSION, nameOf(key), bytes.toString('base64url')].join('.');
    },

    unseal(purpose, place, sealed) {
      const [version, name, content = ''] = sealed.split('.');
      const key = keys.find((each) => nameOf(each) === name);
      const bytes = Buffer.from(content, 'base64url');
      if (version !== VERSION || key === undefined || bytes.length < NONCE_BYTES + TAG_BYTES) return undefined;
      const nonce = bytes.subarray(0, NONCE_BYTES);
      const decipher = createDecipheriv(CIPHER, derive(key, purpose), nonce, TAG).setAAD(bind(place));
      decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
      const text = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES));
      try {
        return Buffer.concat([text, decipher.final()]).toString('utf8');
      } catch {
        return undefined;
      }
    },

    deriveCursorKeys: () => getKeys().map((key) => derive(key, 'cursor')),

    isOutdated: (sealed) => keys[0] !== undefined && sealed.split('.')[1] !== nameOf(keys[0]),
  };
}

function derive(key: Buffer, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', key, '', `chatgraph ${purpose}`, KEY_BYTES));
}

/** Identifies a key without revealing it. */
function nameOf(key: Buffer): string {
  return derive(key, 'name').toString('hex', 0, 4);
}

function bind({ table, row, column }: SecretPlace): Buffer {
  return Buffer.from(JSON.stringify([table, row, column]));
}

function readKeyFile(path: string, logger: Logger): Buffer | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new StartupError(`Cannot read ${path}: ${(error as Error).message}`);
  }
  if (!/^[0-9a-f]{64}$/i.test(text)) {
    throw new StartupError(
      `${path} holds no key: it must be 64 hex digits. Put it back from a backup; without it, secrets that it sealed are lost.`,
    );
  }
  if ((statSync(path).mode & 0o077) !== 0)
    logger.warn({ path }, 'other users can read the secret key file: run chmod 600');
  return Buffer.from(text, 'hex');
}

/**
 * Creates the file atomically, on the disk or not at all. When two processes do so at once, one creates it and both
 * read the same key.
 */
function makeKeyFile(path: string, logger: Logger): Buffer {
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    const file = openSync(draft, 'wx', 0o600);
    writeSync(file, `${randomBytes(KEY_BYTES).toString('hex')}\n`);
    fsyncSync(file);
    closeSync(file);
    linkSync(draft, path);
    const folder = openSync(dirname(path), 'r');
    fsyncSync(folder);
    closeSync(folder);
    logger.info({ path }, 'created the secret key file: keep a copy of it');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw new StorageUnavailableError({ cause: error });
  } finally {
    rmSync(draft, { force: true });
  }
  const key = readKeyFile(path, logger);
  if (key === undefined) throw new Error(`${path} is gone.`);
  return key;
}
