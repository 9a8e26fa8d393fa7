import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { createBoundedCache } from '../domain/bounded-cache.ts';
import type { ApiKey, Channel } from '../domain/entities.ts';
import { createId } from '../domain/ids.ts';
import { generateKey, hashKey, PREFIX_LENGTH } from '../domain/key-form.ts';
import { type Clock, toTimestamp } from '../domain/time.ts';

/** The scope of a session token: one conversation of one chatbot, and nothing else of the account. */
export interface SessionScope {
  readonly chatbotId: string;
  /** The gateway creates this id with the token, and the conversation with the first message. */
  readonly conversationId: string;
  /** The channel through which the conversation starts. */
  readonly channel: Channel;
}

/** A session as a cached credential. */
export interface CachedSession {
  readonly key: ApiKey;
  /** Never aborts, so that open streams continue when the session ends. */
  readonly revoked: AbortSignal;
  readonly session: SessionScope;
}

/**
 * The sessions of the gateway's own chat page. They exist in the memory of this process only. At more than 1,000
 * sessions, the oldest one ends.
 */
export interface Sessions {
  /** The secret that the demo chatbot's page needs to open a session. Only the gateway's startup message shows it. */
  readonly secret: string;
  /** Whether a text is the secret; compares in constant time. */
  isSecret(text: string): boolean;
  /** Opens a session for a new conversation. Only the page receives the `token`. */
  open(chatbot: { id: string; accountId: string }): { token: string; conversationId: string };
  /** Ends the sessions of a deleted chatbot: their tokens become invalid. Open streams continue. */
  end(chatbotId: string): void;
  /** Finds a session by the hash of its token. */
  find(hash: string): CachedSession | undefined;
}

const MAX_SESSIONS = 1_000;
const SECRET_BYTES = 24;

/** Creates the sessions of one process. */
export function createSessions(clock: Clock): Sessions {
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  const digest = digestOf(secret);
  const sessions = createBoundedCache<CachedSession>(MAX_SESSIONS);
  // All sessions share one key id, so they share its rate limit.
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

/** `timingSafeEqual` needs inputs of equal length, which digests have. */
function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
