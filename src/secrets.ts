import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Logger } from 'pino';
import type { Config } from './config.ts';
import { InvalidInputError, StartupError, StorageUnavailableError } from './domain/errors.ts';

/** What a secret is for: each has keys of its own. */
export type SecretPurpose = 'provider-key' | 'webhook';

/** The one place that a sealed text can be unsealed for: copied to another, it is worth nothing. */
export interface SecretPlace {
  readonly table: string;
  readonly row: string;
  readonly column: string;
}

/** Keeps secrets so that the database alone tells nothing. */
export interface Sealer {
  /**
   * Seals a text for a place, differently each time.
   * @throws InvalidInputError where there is no key: on Postgres without `SECRET_KEY`; StorageUnavailableError where one
   * has to be made and the disk refuses.
   */
  seal(purpose: SecretPurpose, place: SecretPlace, text: string): string;
  /** Gives the text back; undefined where it was sealed with a key that is not at hand, or for another place, or altered. */
  unseal(purpose: SecretPurpose, place: SecretPlace, sealed: string): string | undefined;
  /** Whether a text was sealed with another key than one would be now. */
  isOutdated(sealed: string): boolean;
  /**
   * Derives the keys that cursors are signed with: the first signs, each verifies. Empty on Postgres without `SECRET_KEY`.
   * @throws StorageUnavailableError where a key has to be made and the disk refuses.
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
 * Makes the sealer: AES-256-GCM with a key for each purpose, derived by HKDF-SHA256 from those of the settings, of which
 * the first seals and all unseal. Where none is set and the database is a file, it is `secret.key` beside that, made when
 * something is first sealed or signed.
 * @throws StartupError when that file is there and holds no key.
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

/** Tells keys apart, and nothing of them. */
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
  if ((statSync(path).mode & 0o077) !== 0) logger.warn({ path }, 'others can read the secret key: chmod 600');
  return Buffer.from(text, 'hex');
}

/** Makes the file whole and on the disk, or not at all. Of two who do so at once, one makes it and both have the same. */
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
    logger.info({ path }, 'made the secret key: keep a copy of it');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw new StorageUnavailableError({ cause: error });
  } finally {
    rmSync(draft, { force: true });
  }
  const key = readKeyFile(path, logger);
  if (key === undefined) throw new Error(`${path} is gone.`);
  return key;
}
