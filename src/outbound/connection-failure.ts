/** The time in which a connection to a server or a proxy must open; a proxy has as much to connect to a server. */
export const CONNECT_MS = 5_000;

/** Reasons by the error codes of Node and undici; the first match applies. */
const REASONS: readonly (readonly [code: RegExp, reason: string])[] = [
  [/^UND_ERR_CONNECT_TIMEOUT$|^ETIMEDOUT$/, `took longer than ${CONNECT_MS / 1_000} seconds to connect`],
  [/^ECONNREFUSED$/, 'refused the connection'],
  [/^E(HOST|NET)UNREACH$/, 'cannot be reached'],
  [/CERT|^ERR_TLS_|^UNABLE_TO_|SELF_SIGNED/, 'its certificate is not valid'],
  [/^ERR_SSL_|^EPROTO$/, 'does not speak TLS'],
  [/^UND_ERR_HEADERS_OVERFLOW$|^HPE_|^HTTPParserError$/, 'answered with something other than HTTP'],
  [/^ECONNRESET$|^EPIPE$|^UND_ERR_SOCKET$/, 'closed the connection before it answered'],
];

/** Describes, without a subject, why a connection to a server failed. */
export function describeConnectionFailure(error: unknown): string {
  const causes = listCauses(error).flatMap((cause) => [String((cause as { code?: unknown }).code ?? ''), cause.name]);
  const [match] = REASONS.filter(([code]) => causes.some((cause) => code.test(cause)));
  return match?.[1] ?? 'could not be reached';
}

/** Lists an error and all its causes. */
export function listCauses(error: unknown): Error[] {
  if (!(error instanceof Error)) return [];
  const inner = error instanceof AggregateError ? error.errors : [];
  return [error, ...[error.cause, ...inner].flatMap(listCauses)];
}
