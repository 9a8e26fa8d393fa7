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
import { payloadOf } from './graphql-client.ts';

/** Stops the first unfinished reply, if there is one. */
export function stopReply({ store, client, sync, runAction }: Chat): void {
  const unfinished = store.state.messages.find((message) => !hasEnded(message));
  if (unfinished === undefined) return;
  void runAction(async () => {
    const { stopMessage } = await client.request(StopDocument, { messageId: unfinished.id });
    const { reply } = payloadOf(stopMessage);
    sync.applyChange({ messages: updateMessage(store.state.messages, reply) });
  });
}

/** Rates a reply. */
export function rateReply({ store, client, runAction }: Chat, { id }: Message, rating: Rating): void {
  void runAction(async () => {
    const { rateMessage } = await client.request(RateDocument, { messageId: id, rating });
    const { reply } = payloadOf(rateMessage);
    store.update({ messages: updateMessage(store.state.messages, reply) });
  });
}

/** Generates another reply to a user message, and shows it instead of the old one. */
export function regenerateReply({ store, client, sync, runAction }: Chat, { id }: Message): void {
  void runAction(async () => {
    const { regenerateMessage } = await client.request(RegenerateDocument, { messageId: id });
    const { reply } = payloadOf(regenerateMessage);
    sync.applyChange({ messages: addMessage(store.state.messages, reply, id) });
  });
}

/**
 * Edits a user message, and shows the new version instead of the old one.
 * @returns whether it succeeded.
 */
export function editQuestion({ store, client, sync, runAction }: Chat, { id }: Message, content: string) {
  return runAction(async () => {
    const { editMessage } = await client.request(EditDocument, { messageId: id, content });
    const { userMessage, reply, notice } = payloadOf(editMessage);
    store.update({ notice: notice ?? undefined });
    sync.applyChange({ messages: addMessage(store.state.messages, userMessage, id) });
    if (reply !== null) sync.applyChange({ messages: addMessage(store.state.messages, reply, undefined) });
  });
}

/** Shows another version of a message, with the messages that followed it. */
export function selectVersion({ client, sync, runAction }: Chat, messageId: string): void {
  void runAction(async () => {
    sync.ignoreSelection(messageId);
    const { selectBranch } = await client.request(SelectDocument, { messageId });
    payloadOf(selectBranch);
    sync.reload();
  });
}
