import { SendDocument, type SendMutation } from './documents.ts';
import type { ChatGraphError } from './errors.ts';
import type { Requests } from './requests.ts';
import type { StoredValue } from './storage.ts';

/** The stored result of a send. */
export type SentMessage = Extract<SendMutation['sendMessage'], { __typename: 'SendMessagePayload' }>;

/** A message on its way. */
export interface OutgoingMessage {
  /** The idempotency key: the gateway stores a repeated send only once. */
  readonly clientMessageId: string;
  readonly content: string;
}

/** Sends the messages of one conversation at a time, in order. */
export interface Sends {
  /**
   * Sends a message, repeatedly until the gateway responds. The first one starts the conversation.
   * @throws ChatGraphError if the gateway refuses it, and the reason of an aborted signal.
   */
  send(message: OutgoingMessage, signal?: AbortSignal): Promise<SentMessage>;
}

/** The dependencies of sends. */
export interface SendDeps {
  readonly requests: Requests;
  readonly chatbotId: string;
  /** The id of the current conversation. */
  readonly conversationId: StoredValue<string>;
  /** Called with the result of each send. */
  onSent(sent: SentMessage): void;
}

/** Creates an idempotency key. Browsers offer `randomUUID` to secure pages only. */
export function createClientMessageId(): string {
  const [high, low] = crypto.getRandomValues(new BigUint64Array(2));
  return `${Date.now().toString(36)}-${high?.toString(36)}${low?.toString(36)}`;
}

/** Creates the sends of one client. */
export function createSends({ requests, chatbotId, conversationId, onSent }: SendDeps): Sends {
  let last: Promise<unknown> = Promise.resolve();

  async function sendNow(message: OutgoingMessage, signal: AbortSignal | undefined): Promise<SentMessage> {
    const id = conversationId.read();
    try {
      const input = { ...message, conversationId: id, chatbotId: id === undefined ? chatbotId : undefined };
      const options = { attempts: Number.POSITIVE_INFINITY, signal };
      const sent = await requests.mutate(SendDocument, { input }, options);
      // The application may have started another conversation meanwhile.
      if (conversationId.read() === id) conversationId.write(sent.conversation.id);
      onSent(sent);
      return sent;
    } catch (error) {
      if (id === undefined || (error as ChatGraphError).code !== 'NOT_FOUND') throw error;
      // The conversation was deleted, or belongs to another visitor.
      if (conversationId.read() === id) conversationId.write(undefined);
      return sendNow(message, signal);
    }
  }

  return {
    send(message, signal) {
      const sending = last.then(() => sendNow(message, signal));
      last = sending.catch(() => {});
      return sending;
    },
  };
}
