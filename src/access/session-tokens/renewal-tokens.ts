import { createHmac, hash, timingSafeEqual } from 'node:crypto';

/** A renewal token that a gateway with the same keys has created. */
export interface ParsedRenewalToken {
  /** The id of the `SessionToken`. */
  readonly tokenId: string;
  /** The number of renewals before it was created. */
  readonly number: number;
}

const FORM = /^icr_(?<id>[0-9a-f-]{36})\.(?<number>\d{1,9})\.(?<mac>[\w-]{43})$/;

/**
 * Creates the renewal token of a session after a number of renewals: `icr_<id>.<number>.<HMAC-SHA256>`. It is derived, so
 * that two tabs which renew at the same time can get the same one, although only its hash is stored.
 */
export function createRenewalToken(key: Uint8Array, { tokenId, number }: ParsedRenewalToken): string {
  const text = `icr_${tokenId}.${number}`;
  return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`;
}

/** Parses a renewal token; undefined if none of the keys has created it. */
export function parseRenewalToken(keys: readonly Uint8Array[], token: string): ParsedRenewalToken | undefined {
  const { id = '', number = '' } = FORM.exec(token)?.groups ?? {};
  if (id === '') return undefined;
  const parsed = { tokenId: id, number: Number(number) };
  const given = Buffer.from(token);
  const isCreatedWith = (key: Uint8Array) => {
    const expected = Buffer.from(createRenewalToken(key, parsed));
    return given.length === expected.length && timingSafeEqual(given, expected);
  };
  return keys.some(isCreatedWith) ? parsed : undefined;
}

/** The stored hash of a renewal token. */
export const hashRenewalToken = (token: string): string => hash('sha256', token, 'hex');
