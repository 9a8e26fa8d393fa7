import { API_KEY_HEADER, type KeyStorage } from './fetcher.ts';

const SESSION_PATH = '/graphql/session';

/**
 * Exchanges the secret in the page's address, the part after `#`, for a token, and stores the token as the API key of
 * this window. Removes the secret from the address. If the link is of an earlier start, the window has no key afterwards.
 */
export async function followLink(storage: KeyStorage): Promise<void> {
  const secret = location.hash.slice(1);
  if (secret === '') return;
  history.replaceState(null, '', location.pathname + location.search);
  const token = await exchangeSecret(secret);
  if (token === undefined) storage.removeItem(API_KEY_HEADER);
  else storage.setItem(API_KEY_HEADER, token);
}

/** Returns undefined if the gateway does not accept the secret, or cannot be reached. */
async function exchangeSecret(secret: string): Promise<string | undefined> {
  const request = { method: 'POST', headers: { authorization: `Bearer ${secret}` } };
  const response = await fetch(SESSION_PATH, request).catch(() => undefined);
  return response?.ok ? ((await response.json()) as { token: string }).token : undefined;
}
