import { StorageUnavailableError } from '../../domain/errors.ts';

/** How the gateway treats an error of a database engine: the error code for the caller, the retries, and the log. */
export interface StorageErrorRule {
  /** `SERVICE_UNAVAILABLE`: the same request may succeed later. `INTERNAL_SERVER_ERROR`: a bug in the gateway. */
  readonly code: 'SERVICE_UNAVAILABLE' | 'INTERNAL_SERVER_ERROR';
  /**
   * `statement`: runs the same statement again until a deadline. `transaction`: runs the whole transaction again, a few
   * times. `never`: reports the error immediately.
   */
  readonly retry: 'statement' | 'transaction' | 'never';
  /**
   * `warn`: one line, for a problem that resolves itself. `error`: one line, for a problem that the operator has to
   * solve. `stack`: with the stack trace, for a bug.
   */
  readonly log: 'warn' | 'error' | 'stack';
}

const LOCKED: StorageErrorRule = { code: 'SERVICE_UNAVAILABLE', retry: 'statement', log: 'warn' };
const COLLISION: StorageErrorRule = { code: 'SERVICE_UNAVAILABLE', retry: 'transaction', log: 'warn' };
const TRANSIENT: StorageErrorRule = { code: 'SERVICE_UNAVAILABLE', retry: 'never', log: 'warn' };
const BROKEN: StorageErrorRule = { code: 'SERVICE_UNAVAILABLE', retry: 'never', log: 'error' };
/**
 * A bug only if it repeats. If a concurrent change is the cause (an identical request, a deleted parent row, a changed
 * table), the next run of the transaction succeeds or fails with a more precise error.
 */
const BUG_IF_REPEATED: StorageErrorRule = { code: 'INTERNAL_SERVER_ERROR', retry: 'transaction', log: 'stack' };
const BUG: StorageErrorRule = { code: 'INTERNAL_SERVER_ERROR', retry: 'never', log: 'stack' };

/**
 * SQLite's result codes. An extended code (`SQLITE_IOERR_WRITE`) has the rule of the longest code here that it begins
 * with. Source: https://www.sqlite.org/rescode.html
 */
export const SQLITE_ERRORS: Readonly<Record<string, StorageErrorRule>> = {
  // Another process has the write lock, is recovering the file, or has changed the schema.
  SQLITE_BUSY: LOCKED,
  SQLITE_PROTOCOL: LOCKED,
  SQLITE_SCHEMA: LOCKED,
  // The disk, the permissions or the content of the file, or the memory of the process.
  SQLITE_FULL: BROKEN,
  SQLITE_IOERR: BROKEN,
  SQLITE_NOMEM: BROKEN,
  SQLITE_READONLY: BROKEN,
  SQLITE_PERM: BROKEN,
  SQLITE_CANTOPEN: BROKEN,
  SQLITE_NOLFS: BROKEN,
  SQLITE_CORRUPT: BROKEN,
  SQLITE_NOTADB: BROKEN,
  // A wrong statement, or a wrong call.
  SQLITE_ERROR: BUG,
  SQLITE_INTERNAL: BUG,
  SQLITE_ABORT: BUG,
  SQLITE_LOCKED: BUG,
  SQLITE_INTERRUPT: BUG,
  SQLITE_NOTFOUND: BUG,
  SQLITE_EMPTY: BUG,
  SQLITE_TOOBIG: BUG,
  SQLITE_CONSTRAINT: BUG,
  SQLITE_MISMATCH: BUG,
  SQLITE_MISUSE: BUG,
  SQLITE_AUTH: BUG,
  SQLITE_FORMAT: BUG,
  SQLITE_RANGE: BUG,
  SQLITE_NOTICE: BUG,
  SQLITE_WARNING: BUG,
};

/** The SQLSTATE with which a named query fails after a newer gateway has added a column to its table. */
export const STALE_PLAN = '0A000';

/** The SQLSTATE of a write on a read-only server. After a failover, a connection may lead to the old primary. */
export const READ_ONLY = '25006';

/**
 * Postgres' classes of SQLSTATE (two characters), and the codes whose rules differ from those of their class (five).
 * Source: https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export const POSTGRES_ERRORS: Readonly<Record<string, StorageErrorRule>> = {
  // A collision with another transaction.
  '40': COLLISION,
  '40003': TRANSIENT,
  '55P03': TRANSIENT,
  '23505': BUG_IF_REPEATED,
  '23503': BUG_IF_REPEATED,
  [STALE_PLAN]: BUG_IF_REPEATED,
  // The connection, the server's resources, its start or end, a time limit, a failover.
  '08': TRANSIENT,
  '53': TRANSIENT,
  '53100': BROKEN,
  '57': TRANSIENT,
  '57P04': BROKEN,
  '25P03': TRANSIENT,
  '25P04': TRANSIENT,
  [READ_ONLY]: TRANSIENT,
  // The server's disk, files or settings.
  '58': BROKEN,
  F0: BROKEN,
  XX001: BROKEN,
  XX002: BROKEN,
  // The name, password or permissions of the gateway have changed.
  '28': BROKEN,
  '3D': BROKEN,
  '42501': BROKEN,
  // A wrong statement, or a wrong call.
  '00': BUG,
  '01': BUG,
  '02': BUG,
  '03': BUG,
  '09': BUG,
  '0A': BUG,
  '0B': BUG,
  '0F': BUG,
  '0L': BUG,
  '0P': BUG,
  '0Z': BUG,
  '10': BUG,
  '20': BUG,
  '21': BUG,
  '22': BUG,
  '23': BUG,
  '24': BUG,
  '25': BUG,
  '26': BUG,
  '27': BUG,
  '2B': BUG,
  '2D': BUG,
  '2F': BUG,
  '34': BUG,
  '38': BUG,
  '39': BUG,
  '3B': BUG,
  '3F': BUG,
  '42': BUG,
  '44': BUG,
  '54': BUG,
  '55': BUG,
  '72': BUG,
  HV: BUG,
  P0: BUG,
  XX: BUG,
};

/** The rule for an error of SQLite, by its code. */
export function sqliteRuleOf(code: string): StorageErrorRule {
  for (let name = code; name !== ''; name = name.slice(0, Math.max(0, name.lastIndexOf('_')))) {
    const rule = SQLITE_ERRORS[name];
    if (rule !== undefined) return rule;
  }
  return BUG;
}

/** The rule for an error of Postgres, by its SQLSTATE, which is undefined when the server did not respond. */
export function postgresRuleOf(code: string | undefined): StorageErrorRule {
  if (code === undefined) return TRANSIENT;
  return POSTGRES_ERRORS[code] ?? POSTGRES_ERRORS[code.slice(0, 2)] ?? BUG;
}

/** Converts an engine's error to the error for the caller. If a bug caused the error, returns the same error. */
export function toStorageError({ code, log }: StorageErrorRule, error: unknown): unknown {
  if (code !== 'SERVICE_UNAVAILABLE' || log === 'stack') return error;
  return new StorageUnavailableError({ cause: error, logLevel: log });
}

/** Describes briefly why a database cannot be used. Some connection errors have a code but no message. */
export function describeFailure(error: unknown): string {
  const cause = error instanceof StorageUnavailableError ? error.cause : error;
  const { message = '', code = '' } = cause as { message?: string; code?: string };
  return message || code || String(cause);
}
