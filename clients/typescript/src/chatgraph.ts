import { type Conversation, createConversation } from './conversation.ts';
import { type Answer, type AskOptions, askForReply, type ReplyPiece, streamReply } from './replies.ts';
import { createRequests, type Requests } from './requests.ts';
import { createTokenSession, createVisitorSession, type Lazy, type VisitorDetails } from './session.ts';
import { findLocalStorage, openStoredValue, type StoredValue, type TextStorage } from './storage.ts';
import { createSubscriptions, type Subscriptions } from './subscriptions.ts';
import { createWire } from './wire.ts';

/** The options of a client. */
export interface ChatGraphOptions {
  /** The address of the gateway, such as `https://chat.example.com`. */
  readonly url: string;
  /** The id of the chatbot. */
  readonly chatbot: string;
  /** The JWT with which your server vouches for the visitor, or a function that gets it; undefined for a visitor who is not signed in. */
  readonly identity?: Lazy<string | undefined>;
  /** The details of a visitor without an `identity`. */
  readonly visitor?: VisitorDetails;
  /** A session token or API key, or a function that gets it. The client then opens no session. Never put an API key into a page. */
  readonly token?: Lazy<string>;
  /**
   * The place for the session and the id of the conversation: `local`, the storage that all tabs of the origin share,
   * `memory`, or an object like `localStorage`. By default `local` in browsers, and `memory` elsewhere.
   */
  readonly storage?: 'local' | 'memory' | TextStorage;
  /** The conversation to continue; by default that of the last visit. */
  readonly conversationId?: string;
}

/** A client of one chatbot for one visitor. */
export interface ChatGraph extends Pick<Requests, 'execute'>, Pick<Subscriptions, 'subscribe'> {
  /**
   * Sends a question, and returns the whole answer with its citations.
   * @throws ChatGraphError
   */
  ask(question: string, options?: AskOptions): Promise<Answer>;
  /** Sends a question, and yields the pieces of its reply while it is written. */
  stream(question: string, options?: AskOptions): AsyncGenerator<ReplyPiece, void, undefined>;
  /** The visitor's conversation: every call returns the same object. `ask` and `stream` continue it. */
  conversation(): Conversation;
  /** Forgets the visitor and the conversation, for instance when a user signs out. */
  signOut(): void;
  /** Ends all subscriptions, and closes the connection. */
  close(): void;
}

/** Creates a client. It sends nothing until it is used. */
export function createChatGraph(options: ChatGraphOptions): ChatGraph {
  const { chatbot, token } = options;
  const url = options.url.replace(/\/+$/, '');
  const storage = storageOf(options);
  const session = token === undefined ? createVisitorSession({ ...options, url, storage }) : createTokenSession(token);
  const conversationId = openConversationId(
    storage,
    `chatgraph:${url}:${chatbot}:conversation`,
    options.conversationId,
  );
  const transport = { url, session, wire: createWire() };
  const requests = createRequests(transport);
  const subscriptions = createSubscriptions(transport);
  const { conversation, sends } = createConversation({ requests, subscriptions, chatbotId: chatbot, conversationId });
  const stream = (question: string, askOptions?: AskOptions) =>
    streamReply({ sends, subscriptions }, question, askOptions);

  return {
    execute: requests.execute,
    subscribe: subscriptions.subscribe,
    ask: (question, askOptions) => askForReply(stream(question, askOptions)),
    stream,
    conversation: () => conversation,
    signOut() {
      session.forget();
      conversation.restart();
    },
    close: subscriptions.close,
  };
}

/** Opens the id of the current conversation. What another tab stores later does not change it. */
function openConversationId(storage: TextStorage | undefined, key: string, initial?: string): StoredValue<string> {
  const stored = openStoredValue<string>(storage, key);
  let current = initial ?? stored.read();
  return {
    read: () => current,
    write(id) {
      current = id;
      stored.write(id);
    },
  };
}

function storageOf({ storage = 'local' }: ChatGraphOptions): TextStorage | undefined {
  if (typeof storage === 'object') return storage;
  return storage === 'local' ? findLocalStorage() : undefined;
}
