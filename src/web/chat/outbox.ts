import { createBackoff } from './backoff.ts';
import { describeFailure, UnreachableError } from './failures.ts';
import type { TabStorage } from './tab-storage.ts';

/** A message that the gateway has not confirmed yet, or has refused. */
export interface PendingMessage {
  /** The idempotency key: the gateway stores a repeated send only once. Keys sort by time. */
  readonly clientMessageId: string;
  /** The conversation of the message. */
  readonly conversationId: string;
  readonly content: string;
  /** The reason why the gateway refused the message; absent while it is being sent. */
  readonly refusal?: string;
}

/**
 * The messages that the gateway has not confirmed yet, or has refused. The browser stores the unconfirmed messages. The
 * page sends them in order, and repeats each until the gateway responds.
 */
export interface Outbox {
  readonly pending: readonly PendingMessage[];
  add(message: Pick<PendingMessage, 'conversationId' | 'content'>): void;
  remove(clientMessageId: string): void;
  /** Retries at once, because the gateway is reachable. */
  wake(): void;
}

/** The callbacks of the outbox. */
export interface OutboxCallbacks {
  /**
   * Sends a message.
   * @throws UnreachableError if the outbox should retry; any other error means that the gateway refused the message.
   */
  send(message: PendingMessage): Promise<void>;
  /** Called when `pending` has changed. */
  onChange(): void;
  /** Called when a message could not be sent; the outbox will retry it. */
  onDelay(reason: UnreachableError): void;
}

const KEY_PREFIX = 'outbox.';

/** Opens the outbox, with the messages that were stored before the page was reloaded. */
export function openOutbox(tabStorage: TabStorage, callbacks: OutboxCallbacks): Outbox {
  const backoff = createBackoff();
  let pending: readonly PendingMessage[] = tabStorage.list<PendingMessage>(KEY_PREFIX);
  let isSending = false;

  function setPending(messages: readonly PendingMessage[]): void {
    pending = messages;
    callbacks.onChange();
  }

  function remove(clientMessageId: string): void {
    tabStorage.remove(KEY_PREFIX + clientMessageId);
    setPending(pending.filter((message) => message.clientMessageId !== clientMessageId));
  }

  function refuse({ clientMessageId }: PendingMessage, refusal: string): void {
    // The page still shows the text, to be copied or discarded, but a reloaded page does not send it again.
    tabStorage.remove(KEY_PREFIX + clientMessageId);
    setPending(pending.map((other) => (other.clientMessageId === clientMessageId ? { ...other, refusal } : other)));
  }

  async function sendAll(): Promise<void> {
    if (isSending) return;
    isSending = true;
    try {
      while (true) {
        const message = pending.find(({ refusal }) => refusal === undefined);
        if (message === undefined) return;
        try {
          await callbacks.send(message);
          backoff.reset();
          remove(message.clientMessageId);
        } catch (error) {
          if (error instanceof UnreachableError) {
            callbacks.onDelay(error);
            await backoff.wait(error.retryAfterMs);
          } else {
            refuse(message, describeFailure(error));
          }
        }
      }
    } finally {
      isSending = false;
    }
  }

  void sendAll();
  return {
    get pending() {
      return pending;
    },
    add({ conversationId, content }) {
      const clientMessageId = `${Date.now().toString(36)}-${crypto.randomUUID()}`;
      const message = { clientMessageId, conversationId, content };
      tabStorage.write(KEY_PREFIX + clientMessageId, message);
      setPending([...pending, message]);
      void sendAll();
    },
    remove,
    wake: () => backoff.wake(),
  };
}
