import { AnswerFailure } from '../domain/failures.ts';

/** Limits in bytes. An event extends from one blank line to the next. */
export interface ResponseLimits {
  readonly maxBytes: number;
  readonly maxEventBytes: number;
  /** The limit of a response without a success status. */
  readonly maxErrorBytes: number;
}

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/**
 * Wraps a fetch. The wrapped fetch follows no redirect, which would leak the key. A response that exceeds a limit fails
 * with an `AnswerFailure`, because the parser buffers an event until it ends and then parses it synchronously.
 * @param onBytes Called when the head of a response and each part of its body arrive.
 */
export function createLimitedFetch(
  fetch: typeof globalThis.fetch,
  limits: ResponseLimits,
  onBytes: () => void = () => {},
): typeof globalThis.fetch {
  return async (input, init) => {
    const response = await fetch(input, { ...init, redirect: 'manual' });
    onBytes();
    if (response.body === null) return response;
    const { ok, status, statusText, headers } = response;
    const body = limitStream(response.body, ok ? limits : { ...limits, maxBytes: limits.maxErrorBytes }, onBytes);
    return new Response(body, { status, statusText, headers });
  };
}

function limitStream(
  stream: ReadableStream<Uint8Array>,
  { maxBytes, maxEventBytes }: ResponseLimits,
  onBytes: () => void,
): ReadableStream<Uint8Array> {
  const reader = stream.getReader();
  const fits = createEventSizeCheck(maxEventBytes);
  let remainingBytes = maxBytes;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await reader.read();
        if (done) return controller.close();
        onBytes();
        remainingBytes -= value.byteLength;
        const isTooLong = remainingBytes < 0;
        if (!isTooLong && fits(value)) return controller.enqueue(value);
        reader.cancel().catch(() => {});
        const detail = isTooLong
          ? `The response is longer than ${maxBytes} bytes.`
          : `An event is longer than ${maxEventBytes} bytes.`;
        controller.error(new AnswerFailure('PROVIDER_UNAVAILABLE', detail));
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

/** Creates a function that checks, chunk by chunk, that every event is within the limit. */
function createEventSizeCheck(maxBytes: number): (chunk: Uint8Array) => boolean {
  let eventBytes = 0;
  let isLineStart = true;
  return (chunk) => {
    let fits = true;
    for (const byte of chunk) {
      eventBytes++;
      if (byte === CARRIAGE_RETURN) continue;
      const isBreak = byte === LINE_FEED;
      if (isBreak && isLineStart) {
        fits &&= eventBytes <= maxBytes;
        eventBytes = 0;
      }
      isLineStart = isBreak;
    }
    return fits && eventBytes <= maxBytes;
  };
}
