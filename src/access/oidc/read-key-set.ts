import type { JSONWebKeySet } from 'jose';

/** An answer of an issuer that cannot be used. The message is for the operator's log. */
class IssuerAnswerError extends Error {}

const TIME_LIMIT_MS = 5_000;
const MAX_BYTES = 262_144;
const MAX_KEYS = 100;

/**
 * Reads the public keys of an issuer: its discovery document, and the key set to which that refers. Both answers arrive
 * within 5 seconds together, and each has at most 256 kB; redirects are not followed.
 * @param fetch a `fetch` for addresses in the operator's settings.
 * @throws an error whose message names the problem.
 */
export async function readKeySet(fetch: typeof globalThis.fetch, issuer: string): Promise<JSONWebKeySet> {
  const get = createGet(fetch);
  const keysUrl = findKeysUrl(await get(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`), issuer);
  return toKeySet(await get(keysUrl));
}

/** Reads the key set at an address within the same limits. @throws an error whose message names the problem. */
export async function fetchKeySet(fetch: typeof globalThis.fetch, url: string): Promise<JSONWebKeySet> {
  return toKeySet(await createGet(fetch)(url));
}

/** Creates a function that reads JSON, within a time limit that all its calls share. */
function createGet(fetch: typeof globalThis.fetch): (url: string) => Promise<unknown> {
  const signal = AbortSignal.timeout(TIME_LIMIT_MS);
  return async (url) =>
    readJson(await fetch(url, { signal, redirect: 'error', headers: { accept: 'application/json' } }));
}

/** Source: OpenID Connect Discovery 1.0, sections 3 and 4.3. */
function findKeysUrl(document: unknown, issuer: string): string {
  const { issuer: namedIssuer, jwks_uri: keysUrl } = (document ?? {}) as { issuer?: unknown; jwks_uri?: unknown };
  if (namedIssuer !== issuer) throw new IssuerAnswerError('The discovery document is that of another issuer.');
  if (typeof keysUrl !== 'string' || !URL.canParse(keysUrl)) {
    throw new IssuerAnswerError('The discovery document has no valid jwks_uri.');
  }
  const allowed = issuer.startsWith('https:') ? /^https:$/ : /^https?:$/;
  if (!allowed.test(new URL(keysUrl).protocol)) {
    throw new IssuerAnswerError('The jwks_uri of the discovery document is not encrypted.');
  }
  return keysUrl;
}

function toKeySet(document: unknown): JSONWebKeySet {
  const { keys } = (document ?? {}) as { keys?: unknown };
  const isObject = (key: unknown) => typeof key === 'object' && key !== null && !Array.isArray(key);
  if (!Array.isArray(keys) || !keys.every(isObject)) throw new IssuerAnswerError('The answer is no key set.');
  if (keys.length > MAX_KEYS) throw new IssuerAnswerError(`The key set has more than ${MAX_KEYS} keys.`);
  return { keys };
}

async function readJson(response: Response): Promise<unknown> {
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new IssuerAnswerError(`The issuer answered with status ${response.status}.`);
  }
  const text = await readText(response);
  try {
    return JSON.parse(text);
  } catch {
    throw new IssuerAnswerError('The answer of the issuer is no JSON.');
  }
}

/** Leaving the loop cancels the rest of the body. */
async function readText({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MAX_BYTES) throw new IssuerAnswerError(`The answer of the issuer has more than ${MAX_BYTES} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
