/** Reads the responses of webhook receivers, which may be hostile, and describes their failures in words. */
import { describeConnectionFailure } from '../outbound/connection-failure.ts';
import { AddressRefusedError, RedirectRefusedError } from '../outbound/guard.ts';
import { ProxyError } from '../outbound/proxy.ts';

/** The maximum time until the response to an attempt starts. */
export const ATTEMPT_TIMEOUT_MS = 10_000;

const MAX_READ_BYTES = 16 * 1_024;
const MAX_TEXT_BYTES = 1_024;
/** The maximum time to read a response body. It is short, because the status alone decides the outcome. */
const BODY_MS = 2_000;

/**
 * Reads the first kilobyte of a response body as text, without characters that control a terminal. It consumes up to
 * 16 kB, so that a slightly longer response can end normally. If the body is cut off or takes longer than 2 seconds, it
 * returns the text up to there.
 */
export async function readResponseStart(body: ReadableStream<Uint8Array> | null): Promise<string> {
  if (body === null) return '';
  const reader = body.getReader();
  const cancel = () => reader.cancel().catch(() => {});
  const timer = setTimeout(cancel, BODY_MS);
  const chunks: Uint8Array[] = [];
  try {
    for (let size = 0; size < MAX_READ_BYTES; ) {
      const { done, value } = await reader.read();
      if (done) break;
      if (size < MAX_TEXT_BYTES) chunks.push(value.subarray(0, MAX_TEXT_BYTES - size));
      size += value.length;
    }
  } catch {
    // The body was cut off: the text ends there.
  } finally {
    clearTimeout(timer);
    await cancel();
  }
  // `stream: true` omits an incomplete character at the end.
  const text = new TextDecoder().decode(Buffer.concat(chunks), { stream: true });
  return text.replace(/\r\n?/g, '\n').replace(/[^\P{C}\n\t]/gu, '\ufffd');
}

/** Parses a `Retry-After`, a number of seconds or a date; null when it is absent or invalid. */
export function readRetryAfter(text: string | null, now: number): number | null {
  if (text === null) return null;
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}

/** Describes why a request failed or its response was refused. */
export function describeFailedRequest(failure: unknown): {
  readonly error: string;
  readonly statusCode: number | null;
} {
  if (failure instanceof RedirectRefusedError) {
    return { error: 'redirects to another address', statusCode: failure.statusCode };
  }
  return { error: describeError(failure), statusCode: null };
}

function describeError(failure: unknown): string {
  if (failure instanceof AddressRefusedError) return `its address is refused: ${failure.message}`;
  if (failure instanceof ProxyError) return `could not be reached: ${failure.message}`;
  const isTimeout = failure instanceof Error && failure.name === 'TimeoutError';
  return isTimeout ? `took longer than ${ATTEMPT_TIMEOUT_MS / 1_000} seconds` : describeConnectionFailure(failure);
}
