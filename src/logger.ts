import { type DestinationStream, destination, type Logger, pino, stdSerializers } from 'pino';
import { StorageUnavailableError } from './domain/errors.ts';
import { toPlainLines } from './domain/plain-text.ts';

/** Fields that must never be logged. Full paths only: wildcards cost time on every line. */
const REDACTED = ['apiKey', 'authorization', 'headers.authorization', 'headers["x-api-key"]'];

/**
 * Creates the logger. Logs go to stderr, so that stdout is free for command output. JSON escapes only half of the
 * terminal control characters, so the logger escapes the rest.
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
 * Logs only an error's name, message and stack, causes included: packages attach whole requests and responses to
 * theirs. For an unavailable storage the message is enough, so its stack is left out.
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
