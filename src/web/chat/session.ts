import { createBackoff } from './backoff.ts';
import { UnreachableError } from './failures.ts';
import type { TabStorage } from './tab-storage.ts';

/** The gateway's response to the secret of a link, with a token for one conversation. */
export interface SessionGrant {
  readonly token: string;
  /** The conversation starts with the first message sent to it. */
  readonly conversationId: string;
  readonly chatbot: { readonly id: string; readonly name: string };
  /** Example questions for the start. */
  readonly examples: readonly string[];
}

/** The page's credential. It is valid until the gateway's process ends. */
export interface Session {
  readonly ticket: SessionGrant;
  /**
   * Exchanges the secret again, for another conversation.
   * @throws UnreachableError, ExpiredError
   */
  renew(): Promise<void>;
  /** Records that the gateway no longer accepts the token. */
  expire(): void;
}

/** Thrown when the gateway does not accept the secret of the link. */
export class ExpiredError extends Error {
  constructor() {
    super(EXPIRED);
  }
}

/** The message for a link that no longer works. */
export const EXPIRED = 'This link no longer works. The gateway prints a new one at each start: open that one.';

const SECRET = 'secret';
const TICKET = 'ticket';

/**
 * Opens the session of a page with the secret of its link: the part after `#`, which browsers do not send. The tab's
 * storage keeps the secret and the token, so that a reloaded page continues its conversation.
 * @param link the secret; empty if the address has none.
 * @param onExpired called at most once.
 * @returns undefined if neither the address nor the storage has a secret.
 * @throws ExpiredError
 */
export async function openSession(
  name: string,
  link: string,
  memory: TabStorage,
  onExpired: () => void,
): Promise<Session | undefined> {
  if (link !== '' && link !== memory.read(SECRET)) {
    memory.clear();
    memory.write(SECRET, link);
  }
  const secret = memory.read<string>(SECRET);
  if (secret === undefined) return undefined;
  let ticket = memory.read<SessionGrant>(TICKET) ?? (await exchangePatiently(name, secret));
  let isExpired = false;
  memory.write(TICKET, ticket);
  return {
    get ticket() {
      return ticket;
    },
    async renew() {
      ticket = await exchange(name, secret);
      memory.write(TICKET, ticket);
    },
    expire() {
      if (!isExpired) onExpired();
      isExpired = true;
    },
  };
}

async function exchangePatiently(name: string, secret: string): Promise<SessionGrant> {
  const backoff = createBackoff();
  while (true) {
    try {
      return await exchange(name, secret);
    } catch (error) {
      if (!(error instanceof UnreachableError)) throw error;
      await backoff.wait();
    }
  }
}

async function exchange(name: string, secret: string): Promise<SessionGrant> {
  const response = await fetch(`/chat/${name}/session`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secret}` },
  }).catch(() => undefined);
  if (response?.status === 404) throw new ExpiredError();
  if (!response?.ok) throw new UnreachableError();
  return (await response.json()) as SessionGrant;
}
