import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { createBoundedCache } from '../domain/bounded-cache.ts';
import type { ApiKey, Channel } from '../domain/entities.ts';
import { createId } from '../domain/ids.ts';
import { generateKey, hashKey, PREFIX_LENGTH } from '../domain/key-form.ts';
import { type Clock, toTimestamp } from '../domain/time.ts';

/** What a session token reaches: one conversation of one chatbot, and nothing else of the account. */
export interface SessionScope {
  readonly chatbotId: string;
  /** Drawn with the token. The conversation begins with the first message that is sent to it. */
  readonly conversationId: string;
  /** The channel of what is said with the token. */
  readonly channel: Channel;
}

/** A session, in the form in which the keyring holds every credential. */
export interface HeldSession {
  readonly key: ApiKey;
  /** Never aborts: the session ends with the process. */
  readonly revoked: AbortSignal;
  readonly session: SessionScope;
}

/**
 * The sessions of the gateway's own chat page. They are known to this process only, gone with it, and nowhere stored;
 * the oldest of more than 1,000 ends.
 */
export interface Sessions {
  /** Opens the page of the demo chatbot. Only the start of the gateway shows it. */
  readonly secret: string;
  /** Whether a text is the secret, compared in constant time. */
  isSecret(text: string): boolean;
  /** Opens a session for a conversation that is new. `token` is given to nobody but the page. */
  open(chatbot: { id: string; accountId: string }): { token: string; conversationId: string };
  /** Ends the sessions of a chatbot that was deleted: their tokens are known no more. Streams that are open go on. */
  end(chatbotId: string): void;
  /** Finds a session by the hash of its token. */
  find(hash: string): HeldSession | undefined;
}

const MAX_SESSIONS = 1_000;
const SECRET_BYTES = 24;

/** Makes the sessions of one process. */
export function createSessions(clock: Clock): Sessions {
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  const digest = digestOf(secret);
  const sessions = createBoundedCache<HeldSession>(MAX_SESSIONS);
  // One for all: they are limited and counted together.
  const id = createId('apiKey');
  return {
    secret,
    isSecret: (text) => timingSafeEqual(digestOf(text), digest),
    open({ id: chatbotId, accountId }) {
      const token = generateKey();
      const conversationId = createId('conversation');
      sessions.set(hashKey(token), {
        key: {
          id,
          accountId,
          name: 'Chat page',
          prefix: token.slice(0, PREFIX_LENGTH),
          scopes: ['READ', 'CHAT'],
          createdAt: toTimestamp(clock.now()),
          lastUsedAt: null,
          revokedAt: null,
        },
        revoked: new AbortController().signal,
        session: { chatbotId, conversationId, channel: 'CHAT_PAGE' },
      });
      return { token, conversationId };
    },
    end(chatbotId) {
      for (const [hash, { session }] of [...sessions.entries()]) {
        if (session.chatbotId === chatbotId) sessions.delete(hash);
      }
    },
    find: (hash) => sessions.get(hash),
  };
}

/** Of the same length whatever is given, which the comparison needs. */
function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
