import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { generateKey, hashKey, hasKeyFormat } from '../../src/domain/key-form.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';

/** CRC-32 (IEEE) bit by bit, as an implementation independent of the tested one. */
function crc32(text: string): number {
  let crc = 0xffffffff;
  for (const byte of Buffer.from(text)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

function toBase62(number: number): string {
  const digits = [...'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'];
  const text = number >= 62 ? toBase62(Math.floor(number / 62)) : '';
  return text + digits[number % 62];
}

const addChecksum = (body: string) => `ic_${body}${toBase62(crc32(`ic_${body}`)).padStart(6, '0')}`;

describe('the form of a key', () => {
  it('has a checksum that these tests compute with a correct CRC32', () => {
    expect(crc32('123456789')).toBe(0xcbf43926);
  });

  it('is ic_, 36 random characters, and the CRC32 of both in base62', () => {
    for (let i = 0; i < 500; i++) {
      const key = generateKey();
      expect(key).toMatch(/^ic_[0-9A-Za-z]{42}$/);
      expect(key).toBe(addChecksum(key.slice(3, 39)));
    }
  });

  // Computed with Python's zlib; the checksum of the last key begins with padding.
  it.each([
    'ic_0000000000000000000000000000000000003CsUCJ',
    'ic_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA2aTlt0',
    'ic_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ2exDmd',
    'ic_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa207002YCU',
  ])('accepts %s, but rejects it with any single character changed', (key) => {
    expect(hasKeyFormat(key)).toBe(true);
    for (let i = 0; i < key.length; i++) {
      const changed = key.slice(0, i) + (key[i] === 'x' ? 'y' : 'x') + key.slice(i + 1);
      expect(hasKeyFormat(changed)).toBe(false);
    }
  });

  it.each(['', 'ic_', `${generateKey()} `, ` ${generateKey()}`, `${generateKey()}\n`, generateKey().slice(3)])(
    'rejects %j',
    (text) => {
      expect(hasKeyFormat(text)).toBe(false);
    },
  );

  it('is hashed with SHA-256 for storage', () => {
    expect(hashKey('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });
});

describe('a key with a wrong checksum', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await startGateway({ env: { AUTH_FAILURES_PER_MINUTE: '1' } });
  });
  afterAll(() => gateway.close());

  it('is rejected without a database query, and does not count as a failed attempt', async () => {
    const findKey = vi.spyOn(gateway.deps.keyring, 'find');
    const last = gateway.key.at(-1) === 'a' ? 'b' : 'a';
    for (let i = 0; i < 5; i++) {
      expect((await gateway.graphql('{__typename}', {}, gateway.key.slice(0, -1) + last)).status).toBe(401);
    }
    expect(findKey).not.toHaveBeenCalled();
    expect((await gateway.graphql('{__typename}')).status).toBe(200);
    expect(findKey).toHaveBeenCalledExactlyOnceWith(createHash('sha256').update(gateway.key).digest('hex'));
  });
});
