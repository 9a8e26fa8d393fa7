import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Logger } from 'pino';
import type { Config } from './config.ts';
import { InvalidInputError, StartupError, StorageUnavailableError } from './domain/errors.ts';

/** The purpose of a secret; each purpose has its own keys. */
export type SecretPurpose = 'provider-key' | 'webhook' | 'identity';

/** The purpose of a signature; each purpose has its own keys. */
export type SigningPurpose = 'cursor' | 'session-token' | 'renewal-token';

/** The database field that a sealed text belongs to. Copied to another field, the text cannot be unsealed. */
export interface SecretLocation {
  readonly table: string;
  readonly row: string;
  readonly column: string;
}

/** Seals secrets, so that the database alone does not reveal them. */
export interface Sealer {
  /**
   * Seals a text for a location. A random nonce makes each result different.
   * @throws InvalidInputError when there is no key, which means Postgres without `SECRET_KEY`; StorageUnavailableError
   * when the key file cannot be created because the disk fails.
   */
  seal(purpose: SecretPurpose, location: SecretLocation, text: string): string;
  /** Unseals a text; undefined if it was sealed with an unknown key or for another location, or was altered. */
  unseal(purpose: SecretPurpose, location: SecretLocation, sealed: string): string | undefined;
  /** Whether a text was sealed with a key other than the newest. */
  isOutdated(sealed: string): boolean;
  /**
   * Derives the keys for what the gateway signs: the first signs, all verify. Empty on Postgres without `SECRET_KEY`.
   * @throws StorageUnavailableError when the key file cannot be created because the disk fails.
   */
  deriveKeys(purpose: SigningPurpose): readonly Buffer[];
}

const VERSION = 'v1';
const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const GCM_OPTIONS = { authTagLength: TAG_BYTES };

/**
 * Creates the sealer: AES-256-GCM with a key for each purpose, derived by HKDF-SHA256 from the configured keys; the
 * first seals, all unseal. Without configured keys, SQLite deployments use the key in the file `secret.key` beside the
 * database file; the sealer creates it on first use.
 * @throws StartupError when that file exists without a valid key.
 */
export function createSealer(
  { secretKeys, databaseUrl }: Pick<Config, 'secretKeys' | 'databaseUrl'>,
  logger: Logger,
): Sealer {
  const usesKeyFile = secretKeys.length === 0 && databaseUrl.startsWith('sqlite:');
  const path = join(dirname(databaseUrl.slice('sqlite:'.length)), 'secret.key');
  let keys = usesKeyFile ? [readKeyFile(path, logger)].filter((key) => key !== undefined) : secretKeys;

  function getKeys(): readonly Buffer[] {
    if (keys.length === 0 && usesKeyFile) keys = [createKeyFile(path, logger)];
    return keys;
  }

  function getNewest(): Buffer {
    const [newest] = getKeys();
    if (newest === undefined) throw new InvalidInputError([{ path: [], message: 'SECRET_KEY is not set.' }]);
    return newest;
  }

  return {
    seal(purpose, location, text) {
      const key = getNewest();
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(CIPHER, derive(key, purpose), nonce, GCM_OPTIONS).setAAD(encodeLocation(location));
      const bytes = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
      return [VERSION, keyIdOf(key), bytes.toString('base64url')].join('.');
    },

    unseal(purpose, location, sealed) {
      const [version, keyId, content = ''] = sealed.split('.');
      const key = keys.find((each) => keyIdOf(each) === keyId);
      const bytes = Buffer.from(content, 'base64url');
      if (version !== VERSION || key === undefined || bytes.length < NONCE_BYTES + TAG_BYTES) return undefined;
      const nonce = bytes.subarray(0, NONCE_BYTES);
      const decipher = createDecipheriv(CIPHER, derive(key, purpose), nonce, GCM_OPTIONS);
      decipher.setAAD(encodeLocation(location));
      decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
      const text = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES));
      try {
        return Buffer.concat([text, decipher.final()]).toString('utf8');
      } catch {
        return undefined;
      }
    },

    deriveKeys: (purpose) => getKeys().map((key) => derive(key, purpose)),

    isOutdated: (sealed) => keys[0] !== undefined && sealed.split('.')[1] !== keyIdOf(keys[0]),
  };
}

function derive(key: Buffer, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', key, '', `chatgraph ${purpose}`, KEY_BYTES));
}

/** Returns a short identifier of a key that does not reveal the key. */
function keyIdOf(key: Buffer): string {
  return derive(key, 'name').toString('hex', 0, 4);
}

function encodeLocation({ table, row, column }: SecretLocation): Buffer {
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
      `${path} contains no valid key: the file must contain 64 hex digits. Restore it from a backup; without the key, the secrets that it sealed are lost.`,
    );
  }
  if ((statSync(path).mode & 0o077) !== 0)
    logger.warn({ path }, 'other users can read the secret key file: run chmod 600');
  return Buffer.from(text, 'hex');
}

/**
 * Creates the key file atomically: afterwards it is completely on the disk or does not exist. If two processes call
 * this function at the same time, one of them creates the file and both read the same key.
 */
function createKeyFile(path: string, logger: Logger): Buffer {
  const temporaryPath = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    const file = openSync(temporaryPath, 'wx', 0o600);
    writeSync(file, `${randomBytes(KEY_BYTES).toString('hex')}\n`);
    fsyncSync(file);
    closeSync(file);
    linkSync(temporaryPath, path);
    const directory = openSync(dirname(path), 'r');
    fsyncSync(directory);
    closeSync(directory);
    logger.info({ path }, 'created the secret key file: keep a copy of it');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw new StorageUnavailableError({ cause: error });
  } finally {
    rmSync(temporaryPath, { force: true });
  }
  const key = readKeyFile(path, logger);
  if (key === undefined) throw new Error(`${path} is gone.`);
  return key;
}
