import { createBackoff } from './backoff.ts';
import { UnreachableError } from './failures.ts';
import type { Memory } from './memory.ts';

/** What the gateway gives in exchange for the secret of a link: a token for one conversation. */
export interface Ticket {
  readonly token: string;
  /** The conversation begins with the first message that is sent to it. */
  readonly conversationId: string;
  readonly chatbot: { readonly id: string; readonly name: string };
  /** Questions to begin with. */
  readonly examples: readonly string[];
}

/** The page's credential. It ends with the process that gave it. */
export interface Session {
  readonly ticket: Ticket;
  /** Exchanges the secret once more, for another conversation. @throws UnreachableError, ExpiredError */
  renew(): Promise<void>;
  /** Notes that the gateway does not know the token any more. */
  expire(): void;
}

/** The gateway does not take the secret of the link. */
export class ExpiredError extends Error {
  constructor() {
    super(EXPIRED);
  }
}

/** What to do where a link does not work any more. */
export const EXPIRED = 'This link no longer works. The gateway prints a new one at each start: open that one.';

const SECRET = 'secret';
const TICKET = 'ticket';

/**
 * Opens the session of a page, with the secret of its link: the part after `#`, which browsers send to nobody. Both are
 * kept as long as the tab, so that a page that is loaded again goes on with its conversation.
 * @param link that secret; empty where the address has none.
 * @param onExpired called at most once.
 * @returns undefined where there is no secret. @throws ExpiredError
 */
export async function openSession(
  name: string,
  link: string,
  memory: Memory,
  onExpired: () => void,
): Promise<Session | undefined> {
  if (link !== '' && link !== memory.read(SECRET)) {
    memory.clear();
    memory.write(SECRET, link);
  }
  const secret = memory.read<string>(SECRET);
  if (secret === undefined) return undefined;
  let ticket = memory.read<Ticket>(TICKET) ?? (await exchangePatiently(name, secret));
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

async function exchangePatiently(name: string, secret: string): Promise<Ticket> {
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

async function exchange(name: string, secret: string): Promise<Ticket> {
  const response = await fetch(`/chat/${name}/session`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secret}` },
  }).catch(() => undefined);
  if (response?.status === 404) throw new ExpiredError();
  if (!response?.ok) throw new UnreachableError();
  return (await response.json()) as Ticket;
}
