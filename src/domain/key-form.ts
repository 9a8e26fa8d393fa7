import { hash, randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';

/**
 * The form of an API key: `ic_`, 36 random base62 characters (214 bits), and 6 characters that encode the CRC32 of the
 * 39 before them. The checksum rejects a mistyped or invented key without a lookup, and lets scanners recognize a
 * leaked key.
 */
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const KEY_PATTERN = /^ic_[0-9A-Za-z]{42}$/;
const LENGTH_BEFORE_CHECKSUM = 39;
const CHECKSUM_LENGTH = 6;

/** How many characters of a key may be shown to identify it. */
export const PREFIX_LENGTH = 8;

/** Generates a random key. */
export function generateKey(): string {
  let key = 'ic_';
  while (key.length < LENGTH_BEFORE_CHECKSUM) key += ALPHABET[randomInt(ALPHABET.length)];
  return key + checksumOf(key);
}

/** Whether `text` has the form of a key with a correct checksum. */
export function hasKeyFormat(text: string): boolean {
  if (!KEY_PATTERN.test(text)) return false;
  return checksumOf(text.slice(0, LENGTH_BEFORE_CHECKSUM)) === text.slice(LENGTH_BEFORE_CHECKSUM);
}

/** The stored hash of a key. A plain SHA-256 is right for a secret with this much randomness. */
export function hashKey(key: string): string {
  return hash('sha256', key, 'hex');
}

/** The CRC32 (IEEE) in base62, most significant digit first, padded with zeros. */
function checksumOf(text: string): string {
  let remaining = crc32(text);
  let digits = '';
  while (digits.length < CHECKSUM_LENGTH) {
    digits = ALPHABET[remaining % ALPHABET.length] + digits;
    remaining = Math.floor(remaining / ALPHABET.length);
  }
  return digits;
}
