import { type DestinationStream, destination, type Logger, pino, stdSerializers } from 'pino';
import { StorageUnavailableError } from './domain/errors.ts';
import { toPlainLines } from './domain/plain-text.ts';

/** Fields that must never be logged. Full paths only: wildcards cost time on every line. */
const REDACTED = ['apiKey', 'authorization', 'headers.authorization', 'headers["x-api-key"]'];

/**
 * Creates the logger. Logs go to stderr, so that stdout is free for command output. JSON escapes only half of the
 * terminal control characters, so the logger escapes the rest.
 */
export function createLogger(level: string, output: DestinationStream = destination({ fd: 2, sync: false })): Logger {
  const options = {
    level,
    redact: REDACTED,
    serializers: { err: describeError },
    hooks: { streamWrite: toPlainLines },
  };
  return pino(options, output);
}

/**
 * Logs only the name, message and stack of an error and its causes, because packages attach entire requests and
 * responses to their errors. A `StorageUnavailableError` is logged without its stack, because the message is enough.
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
