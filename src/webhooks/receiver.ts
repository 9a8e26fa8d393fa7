/** What receivers do, which nobody but they can change: read with care, and told in plain words. */
import { AddressRefusedError, RedirectRefusedError } from '../outbound/guard.ts';

/** How long an attempt may take until its answer begins. */
export const ATTEMPT_TIMEOUT_MS = 10_000;

const MAX_READ_BYTES = 16 * 1_024;
const MAX_KEPT_BYTES = 1_024;
/** How long a body is waited for: the answer is known without it. */
const BODY_MS = 2_000;

/**
 * Reads the start of an answer: the first kilobyte as text, with nothing in it that controls a terminal. A little more is
 * taken, so that a receiver that says a little more can end in its own way. Gives what there is when it breaks off or
 * takes longer than 2 seconds.
 */
export async function readResponseStart(body: ReadableStream<Uint8Array> | null): Promise<string> {
  if (body === null) return '';
  const reader = body.getReader();
  const cancel = () => reader.cancel().catch(() => {});
  const timer = setTimeout(cancel, BODY_MS);
  const pieces: Uint8Array[] = [];
  try {
    for (let size = 0; size < MAX_READ_BYTES; ) {
      const { done, value } = await reader.read();
      if (done) break;
      if (size < MAX_KEPT_BYTES) pieces.push(value.subarray(0, MAX_KEPT_BYTES - size));
      size += value.length;
    }
  } catch {
    // It broke off, and what was read is all there is.
  } finally {
    clearTimeout(timer);
    await cancel();
  }
  // A character that was cut is left out.
  const text = new TextDecoder().decode(Buffer.concat(pieces), { stream: true });
  return text.replace(/\r\n?/g, '\n').replace(/[^\P{C}\n\t]/gu, '\ufffd');
}

/** Reads a `Retry-After`, a number of seconds or a date; null where there is none that says anything. */
export function readRetryAfter(text: string | null, now: number): number | null {
  if (text === null) return null;
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}

/** Says why no answer came, or one that is not taken. */
export function describeFailedRequest(failure: unknown): {
  readonly error: string;
  readonly statusCode: number | null;
} {
  if (failure instanceof RedirectRefusedError) {
    return { error: 'leads to another address', statusCode: failure.statusCode };
  }
  return { error: describeError(failure), statusCode: null };
}

function describeError(failure: unknown): string {
  if (failure instanceof AddressRefusedError) return `its address is refused: ${failure.message}`;
  if (nameOf(failure) === 'TimeoutError') return `took longer than ${ATTEMPT_TIMEOUT_MS / 1_000} seconds`;
  const causes = listCauses(failure);
  const [found] = REASONS.filter(([code]) => causes.some((cause) => code.test(cause)));
  return found?.[1] ?? 'could not be asked';
}

/** By the codes of Node and undici, in the order of what says most. */
const REASONS: readonly (readonly [code: RegExp, reason: string])[] = [
  [/^UND_ERR_CONNECT_TIMEOUT$|^ETIMEDOUT$/, 'took longer than 5 seconds to connect'],
  [/^ECONNREFUSED$/, 'refused the connection'],
  [/^E(HOST|NET)UNREACH$/, 'cannot be reached'],
  [/CERT|^ERR_TLS_|^UNABLE_TO_|SELF_SIGNED/, 'its certificate is not valid'],
  [/^ERR_SSL_|^EPROTO$/, 'speaks no TLS'],
  [/^UND_ERR_HEADERS_OVERFLOW$|^HPE_|^HTTPParserError$/, 'answered in something that is not HTTP'],
  [/^ECONNRESET$|^EPIPE$|^UND_ERR_SOCKET$/, 'closed the connection before it answered'],
];

/** The codes and names of an error and of all that it comes from. */
function listCauses(error: unknown): string[] {
  if (!(error instanceof Error)) return [];
  const { code } = error as { code?: unknown };
  const inner = error instanceof AggregateError ? error.errors : [];
  return [String(code ?? ''), error.name, ...[error.cause, ...inner].flatMap(listCauses)];
}

function nameOf(failure: unknown): string {
  return failure instanceof Error ? failure.name : '';
}
