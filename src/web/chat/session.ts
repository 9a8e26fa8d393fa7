import { createBackoff } from './backoff.ts';
import { UnreachableError } from './failures.ts';
import type { TabStorage } from './tab-storage.ts';

/** The gateway's response to the secret of a link: a token for one conversation, and the chatbot. */
export interface SessionGrant {
  readonly token: string;
  /** The id for the conversation, which does not exist before its first message is sent. */
  readonly conversationId: string;
  readonly chatbot: { readonly id: string; readonly name: string };
  /** The maximum length of a message, in UTF-16 code units. */
  readonly maxMessageChars: number;
  /** Example questions that a new conversation offers. */
  readonly examples: readonly string[];
}

/** The page's credential. It is valid until the gateway's process ends. */
export interface Session {
  readonly grant: SessionGrant;
  /**
   * Exchanges the secret for a token for another conversation.
   * @throws UnreachableError, ExpiredError
   */
  renew(): Promise<void>;
  /** Records that the gateway no longer accepts the token. */
  expire(): void;
}

/** Thrown when the gateway does not accept the secret of the link. */
export class ExpiredError extends Error {
  constructor() {
    super(EXPIRED_MESSAGE);
  }
}

/** The message for a link that no longer works. */
export const EXPIRED_MESSAGE =
  'This link no longer works. The gateway prints a new link at each start. Open the new link.';

const SECRET_STORAGE_KEY = 'secret';
const GRANT_STORAGE_KEY = 'ticket';

/**
 * Opens the session of a page with the secret of its link: the part after `#`, which browsers do not send. The tab's
 * storage keeps the secret and the token, so that a reloaded page continues its conversation.
 * @param slug the chatbot's name in the page's address.
 * @param linkSecret the secret; empty if the address has none.
 * @param onExpired called when the gateway first rejects the token.
 * @returns undefined if neither the address nor the storage has a secret.
 * @throws ExpiredError
 */
export async function openSession(
  slug: string,
  linkSecret: string,
  tabStorage: TabStorage,
  onExpired: () => void,
): Promise<Session | undefined> {
  if (linkSecret !== '' && linkSecret !== tabStorage.read(SECRET_STORAGE_KEY)) {
    tabStorage.clear();
    tabStorage.write(SECRET_STORAGE_KEY, linkSecret);
  }
  const secret = tabStorage.read<string>(SECRET_STORAGE_KEY);
  if (secret === undefined) return undefined;
  let grant = tabStorage.read<SessionGrant>(GRANT_STORAGE_KEY) ?? (await exchangeWithRetry(slug, secret));
  let isExpired = false;
  tabStorage.write(GRANT_STORAGE_KEY, grant);
  return {
    get grant() {
      return grant;
    },
    async renew() {
      grant = await exchangeSecret(slug, secret);
      tabStorage.write(GRANT_STORAGE_KEY, grant);
    },
    expire() {
      if (!isExpired) onExpired();
      isExpired = true;
    },
  };
}

async function exchangeWithRetry(slug: string, secret: string): Promise<SessionGrant> {
  const backoff = createBackoff();
  while (true) {
    try {
      return await exchangeSecret(slug, secret);
    } catch (error) {
      if (!(error instanceof UnreachableError)) throw error;
      await backoff.wait();
    }
  }
}

async function exchangeSecret(slug: string, secret: string): Promise<SessionGrant> {
  const response = await fetch(`/chat/${slug}/session`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secret}` },
  }).catch(() => undefined);
  if (response?.status === 404) throw new ExpiredError();
  if (!response?.ok) throw new UnreachableError();
  return (await response.json()) as SessionGrant;
}
