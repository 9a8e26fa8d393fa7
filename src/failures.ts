import type { Logger } from 'pino';
import { StorageUnavailableError } from './domain/errors.ts';

/** The log of failures that no client has caused. */
export interface FailureLog {
  /**
   * Logs an error with its stack, as `message`. Of the refusals because the storage is unavailable, it logs only the first
   * one of an outage, as a warning without a stack, and their number when the outage is over.
   */
  log(error: unknown, fields?: Readonly<Record<string, unknown>>, message?: string): void;
  /** Logs the number of refusals of an outage that is not over. */
  close(): void;
}

interface Outage {
  readonly startedAt: number;
  lastRefusalAt: number;
  refusalCount: number;
  readonly timer: NodeJS.Timeout;
}

const POLL_MS = 1_000;
/** An outage ends no sooner after its last refusal. Longer than requests wait for a file that another process locks. */
const QUIET_MS = 6_000;

/** Creates the log of one process. `isStorageReady` checks whether the storage works again. */
export function createFailureLog(logger: Logger, isStorageReady: () => Promise<boolean>): FailureLog {
  let outage: Outage | undefined;

  function countRefusal(error: StorageUnavailableError, fields: Readonly<Record<string, unknown>>): void {
    const now = performance.now();
    if (outage === undefined) {
      const timer = setInterval(() => void checkEnd(), POLL_MS).unref();
      outage = { startedAt: now, lastRefusalAt: now, refusalCount: 0, timer };
      logger.warn({ ...fields, err: error }, 'the storage is unavailable; refusing what needs it');
    }
    outage.lastRefusalAt = now;
    outage.refusalCount++;
  }

  async function checkEnd(): Promise<void> {
    const isQuiet = () => outage !== undefined && performance.now() - outage.lastRefusalAt >= QUIET_MS;
    if (isQuiet() && (await isStorageReady()) && isQuiet()) end('the storage is available again');
  }

  function end(message: string): void {
    if (outage === undefined) return;
    const { startedAt, refusalCount, timer } = outage;
    clearInterval(timer);
    outage = undefined;
    logger.info({ refusalCount, seconds: Math.round((performance.now() - startedAt) / 1_000) }, message);
  }

  return {
    log(error, fields = {}, message = 'unexpected error') {
      if (error instanceof StorageUnavailableError) countRefusal(error, fields);
      else logger.error({ ...fields, err: error }, message);
    },
    close: () => end('stopping while the storage is unavailable'),
  };
}
