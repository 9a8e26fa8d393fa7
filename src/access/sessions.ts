import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { createBoundedCache } from '../domain/bounded-cache.ts';
import { type ApiKey, type Channel, SCOPES, type Scope } from '../domain/entities.ts';
import { createId } from '../domain/ids.ts';
import { generateKey, hashKey, PREFIX_LENGTH } from '../domain/key-form.ts';
import { type Clock, toTimestamp } from '../domain/time.ts';

/** The scope of a session: what belongs to one visitor of one chatbot, and nothing else of the account. */
export interface SessionScope {
  /** The id of the `SessionToken`. */
  readonly tokenId: string;
  readonly chatbotId: string;
  /** The visitor; a later identification of an anonymous visitor changes it. */
  readonly visitorId: string;
  /** The only origin whose pages may use the token; null: any. */
  readonly origin: string | null;
  /** The name of the manifest of operations; null: see `findOperationsRule`. */
  readonly operations: string | null;
  /** The channel through which conversations start. */
  readonly channel: Channel;
  /**
   * The only conversation of a session of the demo's page. The gateway creates this id with the token, and the
   * conversation with the first message. Absent for session tokens.
   */
  readonly conversationId?: string;
}

/** A session as a cached credential. */
export interface CachedSession {
  readonly key: ApiKey;
  /** Never aborts, so that open streams continue when the session ends. */
  readonly revoked: AbortSignal;
  /** The scope of a session of the chat page; absent for sessions of GraphiQL. */
  readonly session?: SessionScope;
}

/** A secret that a page exchanges for a session. Only a link in the gateway's startup message shows it. */
export interface LinkSecret {
  readonly text: string;
  /** Compares a text with the secret, in constant time. */
  matches(text: string): boolean;
}

/**
 * The sessions of the gateway's own pages. They exist in the memory of this process only. At more than 1,000 sessions,
 * the oldest one ends.
 */
export interface Sessions {
  /** The secret in the link to the demo chatbot's page. */
  readonly chatSecret: LinkSecret;
  /** The secret in the link to GraphiQL. A different one, because it gives access to more. */
  readonly graphiqlSecret: LinkSecret;
  /** Opens a session for a new conversation. Only the page receives the `token`. */
  open(chatbot: { id: string; accountId: string }): { token: string; conversationId: string };
  /** Opens a session with all scopes of an account, and returns its token, which only GraphiQL receives. */
  openForGraphiql(accountId: string): string;
  /** Ends the sessions of a deleted chatbot: their tokens become invalid. Open streams continue. */
  end(chatbotId: string): void;
  /** Finds a session by the hash of its token. */
  find(hash: string): CachedSession | undefined;
}

const MAX_SESSIONS = 1_000;
const SECRET_BYTES = 24;

/** Creates the sessions of one process. */
export function createSessions(clock: Clock): Sessions {
  const sessions = createBoundedCache<CachedSession>(MAX_SESSIONS);
  // All sessions of a page share one key id, so they share its rate limit.
  const chatPage = { id: createId('apiKey'), name: 'Chat page', scopes: ['READ', 'CHAT'] } as const;
  const graphiql = { id: createId('apiKey'), name: 'GraphiQL', scopes: SCOPES };

  function add(
    page: { id: string; name: string; scopes: readonly Scope[] },
    accountId: string,
    session?: SessionScope,
  ) {
    const token = generateKey();
    const key = {
      ...page,
      accountId,
      prefix: token.slice(0, PREFIX_LENGTH),
      chatbotIds: null,
      limits: {},
      createdAt: toTimestamp(clock.now()),
      lastUsedAt: null,
      expiresAt: null,
      revokedAt: null,
      persistedOnly: false,
    };
    sessions.set(hashKey(token), { key, revoked: new AbortController().signal, ...(session && { session }) });
    return token;
  }

  return {
    chatSecret: createSecret(),
    graphiqlSecret: createSecret(),
    open({ id: chatbotId, accountId }) {
      const conversationId = createId('conversation');
      const scope = { tokenId: conversationId, chatbotId, visitorId: '', origin: null, operations: null } as const;
      return { token: add(chatPage, accountId, { ...scope, conversationId, channel: 'CHAT_PAGE' }), conversationId };
    },
    openForGraphiql: (accountId) => add(graphiql, accountId),
    end(chatbotId) {
      for (const [hash, { session }] of [...sessions.entries()]) {
        if (session?.chatbotId === chatbotId) sessions.delete(hash);
      }
    },
    find: (hash) => sessions.get(hash),
  };
}

function createSecret(): LinkSecret {
  const text = randomBytes(SECRET_BYTES).toString('base64url');
  const digest = digestOf(text);
  return { text, matches: (other) => timingSafeEqual(digestOf(other), digest) };
}

/** `timingSafeEqual` needs inputs of equal length, which digests have. */
function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
