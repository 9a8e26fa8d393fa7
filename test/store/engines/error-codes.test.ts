import SqliteConnection from 'better-sqlite3';
import { DatabaseError } from 'pg';
import { describe, expect, it } from 'vitest';
import { StorageUnavailableError } from '../../../src/domain/errors.ts';
import { createLogger } from '../../../src/logger.ts';
import {
  POSTGRES_ERRORS,
  postgresRuleOf,
  SQLITE_ERRORS,
  type StorageErrorRule,
  sqliteRuleOf,
  toStorageError,
} from '../../../src/store/engines/error-codes.ts';
import { isCollision } from '../../../src/store/engines/postgres-pool.ts';
import { retryWhileLocked } from '../../../src/store/engines/sqlite-driver.ts';

/** SQLite's result codes that are errors. Source: https://www.sqlite.org/rescode.html */
const SQLITE_CODES =
  'ABORT AUTH BUSY CANTOPEN CONSTRAINT CORRUPT EMPTY ERROR FORMAT FULL INTERNAL INTERRUPT IOERR LOCKED MISMATCH MISUSE NOLFS NOMEM NOTADB NOTFOUND NOTICE PERM PROTOCOL RANGE READONLY SCHEMA TOOBIG WARNING';
/** The classes of Postgres's error codes. Source: https://www.postgresql.org/docs/current/errcodes-appendix.html */
const POSTGRES_CLASSES =
  '00 01 02 03 08 09 0A 0B 0F 0L 0P 0Z 10 20 21 22 23 24 25 26 27 28 2B 2D 2F 34 38 39 3B 3D 3F 40 42 44 53 54 55 57 58 72 F0 HV P0 XX';

const rules = [
  ...Object.entries(SQLITE_ERRORS).map(([code, rule]) => ({ engine: 'SQLite', code, rule })),
  ...Object.entries(POSTGRES_ERRORS).map(([code, rule]) => ({ engine: 'Postgres', code, rule })),
];

const logError = (err: unknown) => {
  const lines: string[] = [];
  createLogger('info', { write: (line) => void lines.push(line) }).error({ err }, 'failed');
  return lines.join('');
};

describe('the table of database errors', () => {
  it('contains every result code of SQLite and every class of Postgres', () => {
    expect(Object.keys(SQLITE_ERRORS).toSorted()).toEqual(SQLITE_CODES.split(' ').map((code) => `SQLITE_${code}`));
    for (const name of POSTGRES_CLASSES.split(' ')) expect(POSTGRES_ERRORS).toHaveProperty([name]);
  });

  it.each(rules)('maps $engine $code to the error and the log level of its rule', ({ engine, code, rule }) => {
    expect(engine === 'SQLite' ? sqliteRuleOf(code) : postgresRuleOf(code)).toBe(rule);
    const error = Object.assign(new Error('It failed.'), { code });
    const converted = toStorageError(rule, error);
    expect(converted instanceof StorageUnavailableError).toBe(rule.code === 'SERVICE_UNAVAILABLE');
    expect(rule.log === 'stack').toBe(rule.code === 'INTERNAL_SERVER_ERROR');
    const line = JSON.parse(logError(converted));
    expect('stack' in line.err).toBe(rule.log === 'stack');
    expect(line.err).toMatchObject({ code, message: expect.stringContaining('It failed.') });
    if (converted instanceof StorageUnavailableError) expect(converted.logLevel).toBe(rule.log);
  });

  it.each(Object.entries(SQLITE_ERRORS))('retries a statement after %s as its rule says', async (code, rule) => {
    let runs = 0;
    const result = retryWhileLocked(() => {
      runs++;
      if (runs === 1) throw new SqliteConnection.SqliteError('It failed.', code);
      return 'done';
    }, Number.POSITIVE_INFINITY);
    if (rule.retry === 'statement') expect(await result).toBe('done');
    else await expect(result).rejects.toThrow(rule.log === 'stack' ? 'It failed.' : 'Service unavailable.');
  });

  it.each(Object.entries(POSTGRES_ERRORS))('retries a transaction after %s as its rule says', (code, rule) => {
    const error = Object.assign(new DatabaseError('It failed.', 0, 'error'), { code });
    expect(isCollision(toStorageError(rule, error))).toBe(rule.retry === 'transaction');
  });

  it.each<[string, StorageErrorRule['code'], StorageErrorRule['retry']]>([
    ['SQLITE_BUSY_SNAPSHOT', 'SERVICE_UNAVAILABLE', 'statement'],
    ['SQLITE_BUSY_RECOVERY', 'SERVICE_UNAVAILABLE', 'statement'],
    ['SQLITE_IOERR_FSYNC', 'SERVICE_UNAVAILABLE', 'never'],
    ['SQLITE_READONLY_DBMOVED', 'SERVICE_UNAVAILABLE', 'never'],
    ['SQLITE_CONSTRAINT_UNIQUE', 'INTERNAL_SERVER_ERROR', 'never'],
    ['SQLITE_UNKNOWN_CODE', 'INTERNAL_SERVER_ERROR', 'never'],
  ])('finds the rule of %s by its longest known prefix', (code, expectedCode, retry) => {
    expect(sqliteRuleOf(code)).toMatchObject({ code: expectedCode, retry });
  });

  it.each<[string, string | undefined, StorageErrorRule['code'], StorageErrorRule['retry']]>([
    ['a lock timeout', '55P03', 'SERVICE_UNAVAILABLE', 'never'],
    ['a statement that took too long', '57014', 'SERVICE_UNAVAILABLE', 'never'],
    ['too many connections', '53300', 'SERVICE_UNAVAILABLE', 'never'],
    ['a server that is shutting down', '57P01', 'SERVICE_UNAVAILABLE', 'never'],
    ['a server that is starting', '57P03', 'SERVICE_UNAVAILABLE', 'never'],
    ['a read-only server', '25006', 'SERVICE_UNAVAILABLE', 'never'],
    ['a full disk', '53100', 'SERVICE_UNAVAILABLE', 'never'],
    ['no memory', '53200', 'SERVICE_UNAVAILABLE', 'never'],
    ['a lost connection', undefined, 'SERVICE_UNAVAILABLE', 'never'],
    ['a serialization failure', '40001', 'SERVICE_UNAVAILABLE', 'transaction'],
    ['a deadlock', '40P01', 'SERVICE_UNAVAILABLE', 'transaction'],
    ['a unique violation', '23505', 'INTERNAL_SERVER_ERROR', 'transaction'],
    ['a division by zero', '22012', 'INTERNAL_SERVER_ERROR', 'never'],
    ['a transaction that has already failed', '25P02', 'INTERNAL_SERVER_ERROR', 'never'],
  ])('finds the rule of %s', (_case, code, expectedCode, retry) => {
    expect(postgresRuleOf(code)).toMatchObject({ code: expectedCode, retry });
  });
});
