import { type DestinationStream, destination, type Logger, pino } from 'pino';

/**
 * Where a log line could hold what nobody may read in it: credentials of requests, and what an error of a model's package
 * carries of the question and the answer. The program logs field by field; this is for what it was handed by others.
 */
const REDACTED = [
  ...['apiKey', 'authorization', 'headers', 'requestHeaders', 'responseHeaders', 'requestBodyValues', 'responseBody'],
  ...['data', 'prompt'],
].flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);

/** Makes the logger. Logs go to stderr, so that stdout is free for what people asked to see. */
export function createLogger(level: string, to: DestinationStream = destination({ fd: 2, sync: false })): Logger {
  return pino({ level, redact: REDACTED }, to);
}
