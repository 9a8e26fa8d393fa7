import type { Chat } from './chat.ts';
import { addMessage, hasEnded, type Message, updateMessage } from './conversation.ts';
import {
  EditDocument,
  RateDocument,
  type Rating,
  RegenerateDocument,
  SelectDocument,
  StopDocument,
} from './documents.ts';
import { payloadOf } from './graph.ts';

/** Stops the first unfinished reply. */
export function stopReply({ store, graph, sync, attempt }: Chat): void {
  const open = store.state.messages.find((message) => !hasEnded(message));
  if (open === undefined) return;
  void attempt(async () => {
    const { stopMessage } = await graph.request(StopDocument, { messageId: open.id });
    const { reply } = payloadOf(stopMessage);
    sync.change({ messages: updateMessage(store.state.messages, reply) });
  });
}

/** Rates a reply. */
export function rateReply({ store, graph, attempt }: Chat, { id }: Message, rating: Rating): void {
  void attempt(async () => {
    const { rateMessage } = await graph.request(RateDocument, { messageId: id, rating });
    const { reply } = payloadOf(rateMessage);
    store.update({ messages: updateMessage(store.state.messages, reply) });
  });
}

/** Generates another reply to a user message, and shows it instead of the old one. */
export function regenerateReply({ store, graph, sync, attempt }: Chat, { id }: Message): void {
  void attempt(async () => {
    const { regenerateMessage } = await graph.request(RegenerateDocument, { messageId: id });
    const { reply } = payloadOf(regenerateMessage);
    const messages = addMessage(store.state.messages, reply);
    sync.change(messages && { messages });
  });
}

/**
 * Edits a user message, and shows the new version instead of the old one.
 * @returns whether it succeeded.
 */
export function editQuestion({ store, graph, sync, attempt }: Chat, { id }: Message, content: string) {
  return attempt(async () => {
    const { editMessage } = await graph.request(EditDocument, { messageId: id, content });
    const { userMessage, reply, notice } = payloadOf(editMessage);
    store.update({ notice: notice ?? undefined });
    for (const message of [userMessage, reply]) {
      if (message === null) continue;
      const messages = addMessage(store.state.messages, message);
      sync.change(messages && { messages });
    }
  });
}

/** Shows another version of a message, with the messages that followed it. */
export function selectVersion({ graph, sync, attempt }: Chat, messageId: string): void {
  void attempt(async () => {
    sync.ignoreSelection(messageId);
    const { selectBranch } = await graph.request(SelectDocument, { messageId });
    payloadOf(selectBranch);
    sync.read();
  });
}
