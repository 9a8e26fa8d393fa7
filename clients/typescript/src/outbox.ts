import type { ChatGraphError } from './errors.ts';
import { createClientMessageId, type Sends } from './sends.ts';
import type { PendingMessage, Store } from './store.ts';

/** The messages that the gateway has not confirmed yet, or has refused. */
export interface Outbox {
  /**
   * Sends a message, which `pending` shows until the gateway has stored it. It is sent again until the gateway responds.
   * A refused message stays in `pending`.
   */
  send(content: string): void;
  /** Removes a refused message. */
  discard(clientMessageId: string): void;
}

/** Creates the outbox of a conversation. */
export function createOutbox(sends: Sends, store: Store): Outbox {
  async function send(message: PendingMessage): Promise<void> {
    const isOther = (other: PendingMessage) => other.clientMessageId !== message.clientMessageId;
    store.update({ pending: [...store.state.pending, message] });
    try {
      await sends.send(message);
      store.update({ pending: store.state.pending.filter(isOther) });
    } catch (error) {
      const refused = { ...message, error: error as ChatGraphError };
      store.update({ pending: store.state.pending.map((other) => (isOther(other) ? other : refused)) });
    }
  }

  return {
    send: (content) => void send({ clientMessageId: createClientMessageId(), content }),
    discard(clientMessageId) {
      const isKept = (message: PendingMessage) => !message.error || message.clientMessageId !== clientMessageId;
      store.update({ pending: store.state.pending.filter(isKept) });
    },
  };
}
