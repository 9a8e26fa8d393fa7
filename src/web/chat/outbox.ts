import { createBackoff } from './backoff.ts';
import { describeFailure, UnreachableError } from './failures.ts';
import type { Memory } from './memory.ts';

/** A message that the gateway has not confirmed yet. */
export interface PendingMessage {
  /** Names the message for the gateway, so that sending it again does not store it again. Sorts by time. */
  readonly clientMessageId: string;
  /** The conversation it belongs to. */
  readonly conversationId: string;
  readonly content: string;
  /** Why the gateway refused it; absent while it is tried. */
  readonly refusal?: string;
}

/** Messages on their way. They are kept by the browser, and sent in their order until each was answered. */
export interface Outbox {
  readonly pending: readonly PendingMessage[];
  add(message: Pick<PendingMessage, 'conversationId' | 'content'>): void;
  remove(clientMessageId: string): void;
  /** Tries at once: the gateway was heard of. */
  wake(): void;
}

/** Whom the outbox works for. */
export interface OutboxOwner {
  /** Sends a message. @throws UnreachableError to be asked again later; anything else refuses the message. */
  send(message: PendingMessage): Promise<void>;
  /** `pending` is another one. */
  changed(): void;
  /** A message could not be sent, and will be tried again. */
  delayed(reason: UnreachableError): void;
}

const PREFIX = 'outbox.';

/** Opens the outbox with what an earlier visit has left in it. */
export function openOutbox(memory: Memory, owner: OutboxOwner): Outbox {
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
    // The words stay on the page, to be copied or discarded, and are not tried again after a reload.
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
