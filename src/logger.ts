import { type DestinationStream, destination, type Logger, pino, stdSerializers } from 'pino';
import { StorageUnavailableError } from './domain/errors.ts';
import { toPlainLines } from './domain/plain-text.ts';

/** The program logs field by field; these are never what it means to say. By full paths alone: others cost every line. */
const REDACTED = ['apiKey', 'authorization', 'headers.authorization', 'headers["x-api-key"]'];

/**
 * Makes the logger. Logs go to stderr, so that stdout is free for what people asked to see. JSON escapes but half of what
 * controls a terminal, so the rest is escaped as well.
 */
export function createLogger(level: string, to: DestinationStream = destination({ fd: 2, sync: false })): Logger {
  const options = {
    level,
    redact: REDACTED,
    serializers: { err: describeError },
    hooks: { streamWrite: toPlainLines },
  };
  return pino(options, to);
}

/**
 * Of an error no more than its name, its words and where it was thrown, its causes included: packages hang whole requests
 * and answers on theirs. Why a storage is unavailable is known from its words: its stack would say nothing more.
 */
function describeError(error: unknown) {
  if (!(error instanceof Error)) return { message: String(error) };
  const { type, message, stack } = stdSerializers.err(error);
  if (error instanceof StorageUnavailableError) {
    const { cause } = error;
    return { type, message, code: cause instanceof Error && 'code' in cause ? cause.code : error.code };
  }
  const code = 'code' in error ? error.code : undefined;
  return { type, message, stack, code };
}
