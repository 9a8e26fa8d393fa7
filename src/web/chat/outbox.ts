import { createBackoff } from './backoff.ts';
import { describeFailure, UnreachableError } from './failures.ts';
import type { TabStorage } from './tab-storage.ts';

/** A message that the gateway has not confirmed yet. */
export interface PendingMessage {
  /** Identifies the message, so that the gateway stores a repeated send only once. Sorts by time. */
  readonly clientMessageId: string;
  /** The conversation that it belongs to. */
  readonly conversationId: string;
  readonly content: string;
  /** The reason why the gateway refused the message; absent while it is being sent. */
  readonly refusal?: string;
}

/** The unconfirmed messages. The browser stores them, and the page sends them in order until each has a response. */
export interface Outbox {
  readonly pending: readonly PendingMessage[];
  add(message: Pick<PendingMessage, 'conversationId' | 'content'>): void;
  remove(clientMessageId: string): void;
  /** Retries at once, because the gateway is reachable. */
  wake(): void;
}

/** The callbacks of the outbox. */
export interface OutboxOwner {
  /**
   * Sends a message.
   * @throws UnreachableError to be retried later; any other error refuses the message.
   */
  send(message: PendingMessage): Promise<void>;
  /** Called when `pending` has changed. */
  changed(): void;
  /** Called when a message could not be sent; it will be retried. */
  delayed(reason: UnreachableError): void;
}

const PREFIX = 'outbox.';

/** Opens the outbox, with the messages stored before a reload. */
export function openOutbox(memory: TabStorage, owner: OutboxOwner): Outbox {
  const backoff = createBackoff();
  let pending: readonly PendingMessage[] = memory.list<PendingMessage>(PREFIX);
  let isSending = false;

  function change(next: readonly PendingMessage[]): void {
    pending = next;
    owner.changed();
  }

  function remove(clientMessageId: string): void {
    memory.remove(PREFIX + clientMessageId);
    change(pending.filter((message) => message.clientMessageId !== clientMessageId));
  }

  function refuse({ clientMessageId }: PendingMessage, refusal: string): void {
    // The visitor can still copy or discard the text on the page. It is not sent again after a reload.
    memory.remove(PREFIX + clientMessageId);
    change(pending.map((other) => (other.clientMessageId === clientMessageId ? { ...other, refusal } : other)));
  }

  async function sendAll(): Promise<void> {
    if (isSending) return;
    isSending = true;
    try {
      while (true) {
        const message = pending.find(({ refusal }) => refusal === undefined);
        if (message === undefined) return;
        try {
          await owner.send(message);
          backoff.reset();
          remove(message.clientMessageId);
        } catch (error) {
          if (error instanceof UnreachableError) {
            owner.delayed(error);
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
      memory.write(PREFIX + clientMessageId, message);
      change([...pending, message]);
      void sendAll();
    },
    remove,
    wake: () => backoff.wake(),
  };
}
