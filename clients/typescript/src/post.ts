import { createUnreachableError } from './errors.ts';

/** The parts of a request besides its body. */
interface PostOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Sends JSON.
 * @throws ChatGraphError if there is no response, and the reason of an aborted signal.
 */
export function post(url: string, body: object, { headers, signal }: PostOptions = {}): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
    signal: signal ?? null,
  }).catch(() => {
    signal?.throwIfAborted();
    throw createUnreachableError();
  });
}

/** Reads the JSON of a response. @throws ChatGraphError if it breaks off, or is that of a proxy. */
export function readJson<Body>(response: Response): Promise<Body> {
  return response.json().catch(() => {
    throw createUnreachableError();
  });
}
