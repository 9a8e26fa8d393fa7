import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTHeaderParameters } from 'jose';
import type { Logger } from 'pino';
import { UnauthenticatedError } from '../../domain/errors.ts';
import type { Clock } from '../../domain/time.ts';
import { IssuerUnavailableError } from './issuer-unavailable.ts';

/** The public keys of one issuer, cached. */
export interface IssuerKeys {
  /**
   * Finds the key that has signed a token. An unknown key makes the gateway read the issuer's keys again, at most five
   * times in two minutes.
   * @throws UnauthenticatedError for a key that the issuer does not have; IssuerUnavailableError if it could not be
   * asked.
   */
  find(header: JWTHeaderParameters): Promise<CryptoKey>;
  /** The number of the present set of keys: a token that an earlier set has verified must be verified again. */
  readonly version: number;
  /** Reads the keys again in the background if they are older than five minutes. */
  refreshIfOld(): void;
}

/** The services that read the keys of an issuer. */
export interface IssuerKeysDeps {
  /** Reads the key set; rejects if that is not possible. */
  readonly read: () => Promise<JSONWebKeySet>;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly logger: Pick<Logger, 'warn' | 'info'>;
}

type FindKey = ReturnType<typeof createLocalJWKSet>;

const REFRESH_MS = 300_000;
/** The age above which a request waits for newer keys, unless the issuer fails: without traffic, no key is used longer. */
const MAX_AGE_MS = 900_000;
const PAUSE_AFTER_FAILURE_MS = 5_000;
const MAX_EXTRA_READS = 5;
const EXTRA_READS_MS = 120_000;

/** Creates the keys of an issuer, which are first read when they are needed. @param issuer its name in the log. */
export function createIssuerKeys(issuer: string, { read: readKeys, clock, logger }: IssuerKeysDeps): IssuerKeys {
  let current: { readonly text: string; readonly find: FindKey } | undefined;
  let version = 0;
  let readAt = Number.NEGATIVE_INFINITY;
  let failedAt: number | undefined;
  let reading: Promise<void> | undefined;
  let extraReads: number[] = [];

  async function readOnce(): Promise<void> {
    try {
      const keySet = await readKeys();
      const text = JSON.stringify(keySet);
      if (text !== current?.text) {
        current = { text, find: createLocalJWKSet(keySet) };
        version++;
      }
      readAt = clock.monotonicMs();
      if (failedAt !== undefined) logger.info({ issuer }, 'read the keys of the issuer again');
      failedAt = undefined;
    } catch (error) {
      // Of an outage, only the first failure is logged.
      if (failedAt === undefined) logger.warn({ issuer, err: error }, 'cannot read the keys of the issuer');
      failedAt = clock.monotonicMs();
    }
  }

  /** Reads the keys, unless the last attempt has just failed; simultaneous callers share an attempt. Never rejects. */
  function read(): Promise<void> {
    if (reading !== undefined) return reading;
    if (failedAt !== undefined && clock.monotonicMs() - failedAt < PAUSE_AFTER_FAILURE_MS) return Promise.resolve();
    reading = readOnce().finally(() => {
      reading = undefined;
    });
    return reading;
  }

  function takeExtraRead(): boolean {
    const now = clock.monotonicMs();
    extraReads = extraReads.filter((at) => now - at < EXTRA_READS_MS);
    if (extraReads.length >= MAX_EXTRA_READS) return false;
    extraReads.push(now);
    return true;
  }

  return {
    get version() {
      return version;
    },

    refreshIfOld() {
      if (clock.monotonicMs() - readAt > REFRESH_MS) void read();
    },

    async find(header) {
      const age = clock.monotonicMs() - readAt;
      const pending = age > REFRESH_MS ? read() : undefined;
      // While the issuer is away, its known keys go on working without a wait.
      if (current === undefined || (age > MAX_AGE_MS && failedAt === undefined)) await pending;
      if (current === undefined) throw new IssuerUnavailableError();
      const known = await match(current.find, header);
      if (known !== undefined) return known;
      if (takeExtraRead()) await read();
      const found = await match(current.find, header);
      if (found !== undefined) return found;
      throw failedAt === undefined ? new UnauthenticatedError() : new IssuerUnavailableError();
    },
  };
}

/** Returns undefined if the set has no such key. @throws UnauthenticatedError if it has several, or an invalid one. */
async function match(find: FindKey, header: JWTHeaderParameters): Promise<CryptoKey | undefined> {
  try {
    return await find(header);
  } catch (error) {
    if (error instanceof errors.JWKSNoMatchingKey) return undefined;
    throw new UnauthenticatedError();
  }
}
